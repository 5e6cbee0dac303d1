// Gateway objects → the ports that gateway workloads open.
import {
  ServerTLSSettings_TLSmode as Mode,
  type Server,
  type ServerTLSSettings,
  ServerTLSSettings_TLSProtocol as Version,
} from '../gen/networking/v1alpha3/gateway_pb.js';
import type { Family, Graph } from '../graph/graph.ts';
import { objectKey, refOf } from '../kinds/object.ts';
import type { Gateway, GatewayServer, ServerTls } from '../model/gateway.ts';
import { fullHost } from './hosts.ts';
import { sortedEntries } from './http-rule.ts';
import type { MeshInputs } from './inputs.ts';
import { namedProtocol } from './protocol.ts';

export interface GatewayOptions {
  readonly graph: Graph;
  readonly inputs: MeshInputs;
  readonly configCluster: string;
  readonly domain: string;
}

export interface GatewayFamilies {
  /** By `namespace/name`. */
  readonly gateway: Family<string, Gateway | undefined>;
  /** Names `namespace/name` of all Gateways, sorted. Key ''. */
  readonly gatewayNames: Family<string, readonly string[]>;
}

export function defineGateways({ graph, inputs, configCluster, domain }: GatewayOptions): GatewayFamilies {
  const all = graph.index(inputs.gateway, 'allGateways', () => ['']);
  return {
    gateway: graph.derived('gateway', (name: string, read): Gateway | undefined => {
      const [namespace = '', own = ''] = name.split('/');
      const key = objectKey(configCluster, namespace, own);
      const config = read(inputs.gateway, key);
      return (
        config && {
          source: refOf('Gateway', key),
          created: config.meta.created,
          selector: Object.fromEntries(sortedEntries(config.spec.selector)),
          servers: config.spec.servers.map((s) => serverOf(s, namespace, domain)),
        }
      );
    }),
    gatewayNames: graph.derived('gatewayNames', (_: string, read) =>
      read(all, '').map((key) => key.slice(key.indexOf('/') + 1)),
    ),
  };
}

function serverOf(spec: Server, namespace: string, domain: string): GatewayServer {
  return {
    port: spec.port?.number ?? 0,
    portName: spec.port?.name ?? '',
    protocol: namedProtocol(spec.port?.protocol ?? ''),
    bind: spec.bind,
    hosts: spec.hosts.map((written) => {
      const slash = written.indexOf('/');
      const where = slash < 0 ? '*' : written.slice(0, slash);
      return {
        namespace: where === '.' ? namespace : where,
        host: fullHost(slash < 0 ? written : written.slice(slash + 1), namespace, domain),
      };
    }),
    name: spec.name,
    ...(spec.tls && { tls: tlsOf(spec.tls) }),
  };
}

const MODE: Readonly<Record<Mode, ServerTls['mode']>> = {
  [Mode.PASSTHROUGH]: 'passthrough',
  [Mode.SIMPLE]: 'simple',
  [Mode.MUTUAL]: 'mutual',
  [Mode.AUTO_PASSTHROUGH]: 'auto-passthrough',
  [Mode.ISTIO_MUTUAL]: 'istio-mutual',
  [Mode.OPTIONAL_MUTUAL]: 'optional-mutual',
};

const VERSION: Readonly<Record<Version, ServerTls['minVersion']>> = {
  [Version.TLS_AUTO]: '',
  [Version.TLSV1_0]: '1.0',
  [Version.TLSV1_1]: '1.1',
  [Version.TLSV1_2]: '1.2',
  [Version.TLSV1_3]: '1.3',
};

function tlsOf(spec: ServerTLSSettings): ServerTls {
  return {
    mode: MODE[spec.mode],
    httpsRedirect: spec.httpsRedirect,
    credentialNames: spec.credentialNames.length > 0 ? spec.credentialNames : [spec.credentialName].filter(Boolean),
    serverCertificate: spec.serverCertificate,
    privateKey: spec.privateKey,
    caCertificates: spec.caCertificates,
    subjectAltNames: spec.subjectAltNames,
    minVersion: VERSION[spec.minProtocolVersion],
    maxVersion: VERSION[spec.maxProtocolVersion],
    cipherSuites: spec.cipherSuites,
  };
}
