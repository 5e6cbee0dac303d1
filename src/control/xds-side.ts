// The side that faces proxies: who may connect, the feeds they get, and what is known of every connected one.
import { networkInterfaces } from 'node:os';
import type { Authority } from '../ca/authority.ts';
import { TYPE_URL } from '../envoy/resource.ts';
import { defineResources } from '../envoy/resources.ts';
import type { Mesh } from '../ingest/mesh.ts';
import type { Clock } from '../lib/clock.ts';
import { defineClasses } from '../view/class.ts';
import { Bodies } from '../xds/body.ts';
import type { ConnectionStatus } from '../xds/connection.ts';
import { createXdsService, type RunningServer, startXdsServer, type XdsService } from '../xds/grpc.ts';
import { certificateService, createCertificateHandler } from './ca-service.ts';
import type { Callers } from './caller.ts';
import type { Clusters } from './clusters.ts';
import { type ConfigDumpOptions, configDump, configSections } from './config-dump.ts';
import { createFeeds } from './feeds.ts';
import { watchGatewayConflicts } from './gateway-conflicts.ts';
import type { HttpAnswer } from './http-server.ts';
import type { Logs } from './log.ts';
import type { Metrics } from './metrics.ts';
import { watchMissingSecrets } from './missing-secrets.ts';
import type { ControlOptions } from './options.ts';
import type { DebugPage } from './pages.ts';
import type { ProblemBook } from './problem-book.ts';
import { proxyAuthenticator } from './proxy-authenticator.ts';
import { connectionsPage, syncz } from './proxy-pages.ts';
import type { ServerCertificates } from './server-certificate.ts';
import { meshCredentials } from './xds-credentials.ts';
import { debugOverXds } from './xds-debug.ts';
import { countStatus, observeXds } from './xds-metrics.ts';

export interface XdsSideOptions {
  readonly options: ControlOptions;
  readonly mesh: Mesh;
  readonly clusters: Clusters | undefined;
  readonly callers: Callers | undefined;
  readonly clock: Clock;
  readonly logs: Logs;
  readonly metrics: Metrics;
  readonly problems: ProblemBook;
}

export interface SecureXds {
  readonly certificates: ServerCertificates;
  readonly authority: () => Authority;
}

/** Answers a debug page by name and query (`config_dump?proxyID=a.b`); undefined when there is no such page. */
export type AnswerDebug = (name: string) => Promise<HttpAnswer | undefined>;

export interface XdsSide extends AsyncDisposable {
  /** Debug pages about proxies. */
  readonly pages: Readonly<Record<string, DebugPage>>;
  /** Who answers typed requests for debug pages; set once by whoever has all pages. */
  debug: AnswerDebug;
  servePlaintext(address: string): Promise<number>;
  serveSecure(address: string, secure: SecureXds): Promise<number>;
  /** Sends proxies away evenly over `ms` and waits until they are gone. */
  drain(ms: number): Promise<void>;
}

/** Largest request: a CSR is small, and even a proxy of a huge mesh names its resources in less. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

export function createXdsSide(input: XdsSideOptions): XdsSide {
  const { mesh, callers, metrics, logs, clock } = input;
  const { graph } = mesh;
  const types = defineResources(graph, mesh);
  const classes = defineClasses(graph, mesh);
  const bodies = new Bodies();
  const missingSecrets = watchMissingSecrets({
    clock,
    problems: input.problems,
    cluster: mesh.configCluster,
    named: (secret) => gatewaysName(mesh, secret),
  });
  const conflicts = watchGatewayConflicts({ mesh, classes, problems: input.problems });
  const feeds = createFeeds({
    graph,
    types,
    classes,
    bodies,
    clock,
    unanswered: { typeUrl: TYPE_URL.secret, tell: missingSecrets },
  });
  const servers: RunningServer[] = [];
  let answerDebug: AnswerDebug = async () => undefined;

  const makeService = (proving: Callers | undefined): XdsService =>
    createXdsService({
      source: feeds,
      bodies,
      clock,
      maxRequestBytes: MAX_REQUEST_BYTES,
      authenticate: proxyAuthenticator({ ...input, callers: proving }),
      debug: debugOverXds({
        name: input.options.podName,
        connections,
        page: (name) => answerDebug(name),
        sections: (proxy) => configSections(dumpOf(proxy)),
      }),
      observer: observeXds({ metrics, log: logs.scope('ads') }),
    });
  const services: XdsService[] = [];
  const connections = (): ConnectionStatus[] => services.flatMap((service) => service.connections());
  const dumpOf = (proxy: string): ConfigDumpOptions => ({ mesh, types, classes, connections: connections(), proxy });

  const serve = async (address: string, secure?: SecureXds): Promise<number> => {
    const service = makeService(secure ? callers : undefined);
    services.push(service);
    const server = await startXdsServer({
      service,
      address: address.startsWith(':') ? `${everywhere()}${address}` : address,
      maxRequestBytes: MAX_REQUEST_BYTES,
      maxConnectionAgeMs: input.options.maxConnectionAgeMs,
      onStatus: countStatus(metrics),
      ...(secure ? { credentials: meshCredentials(secure.certificates) } : {}),
      extend: (grpc) => {
        if (!secure || !callers) return;
        const { authority } = secure;
        grpc.addService(
          certificateService,
          createCertificateHandler({ authority, callers, metrics, log: logs.scope('ca') }),
        );
      },
    });
    servers.push(server);
    return server.port;
  };

  return {
    pages: {
      syncz: () => syncz(connections()),
      connections: () => connectionsPage(connections()),
      adsz: () => ({ totalClients: connections().length, clients: connectionsPage(connections()) }),
      config_dump: (query) => configDump(dumpOf(query.get('proxyID') ?? '')),
    },
    set debug(answer: AnswerDebug) {
      answerDebug = answer;
    },
    servePlaintext: (address) => serve(address),
    serveSecure: (address, secure) => serve(address, secure),
    async drain(ms) {
      // Listening stops first, so that whoever is sent away finds another control plane.
      const stopped = servers.map((server) => server.stop(ms + 1000));
      await Promise.all(services.map((service) => service.drain(ms)));
      await Promise.all(stopped);
    },
    async [Symbol.asyncDispose]() {
      for (const service of services) service[Symbol.dispose]();
      await Promise.all(servers.map((server) => server.stop(0)));
      feeds[Symbol.dispose]();
      conflicts[Symbol.dispose]();
      missingSecrets[Symbol.dispose]();
    },
  };
}

/** Both families where the machine has IPv6; a machine without it cannot even listen on `::`. */
function everywhere(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  return addresses.some(({ family }) => family === 'IPv6') ? '[::]' : '0.0.0.0';
}

/** Whether a server of some Gateway has this Secret as its credential. */
function gatewaysName(mesh: Mesh, secret: string): boolean {
  const names = [...mesh.inputs.gateway.entries()].flatMap(([, { spec }]) =>
    spec.servers.flatMap(({ tls }) => (tls ? [tls.credentialName, ...tls.credentialNames] : [])),
  );
  return names.some((name) => name.slice(name.lastIndexOf('/') + 1) === secret);
}
