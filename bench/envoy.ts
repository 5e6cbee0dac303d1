// A proxy as the control plane sees it: one HTTP/2 connection, one ADS stream, subscriptions in Envoy's order, an answer to
// everything. On node:http2 directly: a gRPC client would take more of the machine than what it measures.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { NodeSchema } from '../src/gen/envoy/config/core/v3/base_pb.js';
import { SDS_DIR } from '../src/lib/paths.ts';
import {
  edsName,
  extensionNames,
  type RequestField,
  routeNames,
  type SkimmedResponse,
  secretNames,
  skimDelta,
  skimSotw,
  TYPES,
  type TypeName,
  wantsVirtualHosts,
  writeRequest,
} from './skim.ts';

export interface EnvoyIdentity {
  readonly kind: 'sidecar' | 'router';
  readonly address: string;
  readonly pod: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface EnvoyEvents {
  /** A response has arrived completely. */
  received(envoy: Envoy, type: TypeName | undefined, message: Buffer): void;
  /** Everything that was asked for at the start has been answered. */
  synced(envoy: Envoy): void;
  failed(envoy: Envoy, reason: string): void;
}

export type Protocol = 'delta' | 'sotw';

interface Subscription {
  readonly names: Set<string>;
  started: boolean;
  version: string;
  nonce: string;
  /** Names that have not been answered yet. */
  readonly waiting: Set<string>;
}

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';
/** Envoy's windows are of this order: they never limit. */
const WINDOW = 16 * 1024 * 1024;
/** Types that are subscribed to as a whole. */
const WHOLE: readonly TypeName[] = ['CDS', 'LDS', 'VHDS'];

export class Envoy {
  readonly identity: EnvoyIdentity;
  readonly protocol: Protocol;
  synced = false;
  resources = 0;
  readonly #events: EnvoyEvents;
  readonly #node: Buffer;
  readonly #subs = new Map<TypeName, Subscription>();
  #session: ClientHttp2Session | undefined;
  #stream: ClientHttp2Stream | undefined;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #first = true;
  /** The answer to clusters waits until they have endpoints. */
  #clusterNonce: string | undefined;

  constructor(identity: EnvoyIdentity, protocol: Protocol, events: EnvoyEvents) {
    this.identity = identity;
    this.protocol = protocol;
    this.#events = events;
    this.#node = nodeOf(identity);
  }

  open(address: string): void {
    this.#first = true;
    this.synced = false;
    this.#subs.clear();
    this.#clusterNonce = undefined;
    this.#chunks = [];
    this.#buffered = 0;
    const session = connect(`http://${address}`, { settings: { initialWindowSize: WINDOW, enablePush: false } });
    this.#session = session;
    const fail = (reason: string): void => {
      if (this.#session !== session) return;
      this.#session = undefined;
      session.destroy();
      this.#events.failed(this, reason);
    };
    const ended = (headers: IncomingHttpHeaders): void => {
      if (headers['grpc-status'] !== undefined) fail(`status ${headers['grpc-status']}: ${headers['grpc-message']}`);
    };
    session.on('connect', () => session.setLocalWindowSize(WINDOW));
    session.on('error', (error: Error) => fail(error.message));
    session.on('close', () => fail('connection closed'));
    const stream = session.request({
      ':method': 'POST',
      ':path': PATH + (this.protocol === 'delta' ? 'DeltaAggregatedResources' : 'StreamAggregatedResources'),
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => this.#data(chunk));
    stream.on('response', ended);
    stream.on('trailers', ended);
    stream.on('error', (error: Error) => fail(error.message));
    this.#subscribe('CDS', [], []);
  }

  close(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.destroy();
  }

  #data(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    while (this.#buffered >= 5) {
      let head = this.#chunks[0]!;
      if (head.length < 5) {
        head = Buffer.concat(this.#chunks);
        this.#chunks = [head];
      }
      const size = head.readUInt32BE(1);
      if (this.#buffered < 5 + size) return;
      const all = this.#chunks.length === 1 ? head : Buffer.concat(this.#chunks);
      const rest = all.subarray(5 + size);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#buffered = rest.length;
      this.#message(all.subarray(5, 5 + size));
    }
  }

  #message(message: Buffer): void {
    const response = this.protocol === 'delta' ? skimDelta(message) : skimSotw(message);
    const { type } = response;
    this.#events.received(this, type, message);
    if (!type) return;
    this.resources += response.resources.length;
    const sub = this.#sub(type);
    sub.version = response.version;
    sub.nonce = response.nonce;
    if (sub.waiting.size > 0) {
      for (const { name } of response.resources) sub.waiting.delete(name);
      for (const name of response.removed) sub.waiting.delete(name);
      if (WHOLE.includes(type)) sub.waiting.clear();
    }
    if (type === 'CDS') this.#clusters(message, response);
    else {
      if (type === 'LDS') this.#listeners(message, response);
      if (type === 'RDS') this.#routes(message, response);
      this.#answer(type, response.nonce);
    }
    this.#settle();
  }

  #clusters(message: Buffer, response: SkimmedResponse): void {
    this.#clusterNonce = response.nonce;
    const names: string[] = [];
    for (const resource of response.resources) {
      const name = edsName(message, resource);
      if (name !== undefined) names.push(name);
    }
    this.#follow('EDS', names, response.removed);
  }

  #listeners(message: Buffer, response: SkimmedResponse): void {
    const routes: string[] = [];
    const secrets: string[] = [];
    const extensions: string[] = [];
    for (const resource of response.resources) {
      routes.push(...routeNames(message, resource));
      extensions.push(...extensionNames(message, resource));
      if (this.identity.kind === 'router') secrets.push(...secretNames(message, resource));
    }
    this.#follow('SDS', secrets, []);
    this.#follow('ECDS', extensions, []);
    this.#follow('RDS', routes, []);
  }

  #routes(message: Buffer, { resources }: SkimmedResponse): void {
    const hosts = this.#sub('VHDS');
    if (this.protocol !== 'delta' || hosts.started) return;
    if (resources.some((resource) => wantsVirtualHosts(message, resource))) this.#subscribe('VHDS', [], []);
  }

  /** Subscribes to what is new and drops what has gone. */
  #follow(type: TypeName, names: readonly string[], gone: readonly string[]): void {
    const known = this.#sub(type).names;
    const add = [...new Set(names)].filter((name) => !known.has(name));
    const remove = gone.filter((name) => known.has(name));
    if (this.protocol === 'sotw' && type === 'EDS' && names.length > 0) {
      const present = new Set(names);
      for (const name of known) if (!present.has(name)) remove.push(name);
    }
    if (add.length > 0 || remove.length > 0) this.#subscribe(type, add, remove);
  }

  #settle(): void {
    if (this.#sub('EDS').waiting.size > 0) return;
    if (this.#clusterNonce !== undefined) {
      this.#answer('CDS', this.#clusterNonce);
      this.#clusterNonce = undefined;
      if (!this.#sub('LDS').started) this.#subscribe('LDS', [], []);
    }
    if (this.synced || !this.#sub('LDS').started) return;
    for (const [type, { waiting }] of this.#subs) if (type !== 'SDS' && waiting.size > 0) return;
    this.synced = true;
    this.#events.synced(this);
  }

  #sub(type: TypeName): Subscription {
    let sub = this.#subs.get(type);
    if (!sub) {
      sub = { names: new Set(), started: false, version: '', nonce: '', waiting: new Set() };
      this.#subs.set(type, sub);
    }
    return sub;
  }

  #subscribe(type: TypeName, add: readonly string[], remove: readonly string[]): void {
    const sub = this.#sub(type);
    sub.started = true;
    for (const name of remove) {
      sub.names.delete(name);
      sub.waiting.delete(name);
    }
    for (const name of add) {
      sub.names.add(name);
      sub.waiting.add(name);
    }
    if (WHOLE.includes(type)) sub.waiting.add('*');
    if (this.protocol === 'sotw') {
      this.#answer(type, sub.nonce);
      return;
    }
    const fields: RequestField[] = [...this.#introduction(1), [2, TYPES[type]]];
    for (const name of add) fields.push([3, name]);
    for (const name of remove) fields.push([4, name]);
    this.#send(fields);
  }

  #answer(type: TypeName, nonce: string): void {
    if (this.protocol === 'delta') {
      this.#send([
        [2, TYPES[type]],
        [6, nonce],
      ]);
      return;
    }
    const sub = this.#sub(type);
    const fields: RequestField[] = sub.version ? [[1, sub.version]] : [];
    fields.push(...this.#introduction(2));
    for (const name of sub.names) fields.push([3, name]);
    fields.push([4, TYPES[type]]);
    if (nonce) fields.push([5, nonce]);
    this.#send(fields);
  }

  /** The node goes with the first request only. */
  #introduction(field: number): RequestField[] {
    if (!this.#first) return [];
    this.#first = false;
    return [[field, this.#node]];
  }

  #send(fields: readonly RequestField[]): void {
    const stream = this.#stream;
    if (stream && !stream.destroyed) stream.write(writeRequest(fields));
  }
}

function nodeOf({ kind, address, pod, namespace, serviceAccount, labels }: EnvoyIdentity): Buffer {
  const node = create(NodeSchema, {
    id: `${kind}~${address}~${pod}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels.app ?? pod}.${namespace}`,
    userAgentName: 'envoy',
    metadata: {
      CLUSTER_ID: 'Kubernetes',
      NAMESPACE: namespace,
      NAME: pod,
      SERVICE_ACCOUNT: serviceAccount,
      ISTIO_VERSION: '1.30.0',
      INSTANCE_IPS: address,
      LABELS: { ...labels },
      MESH_ID: 'cluster.local',
      ISTHMUS_CLUSTER_STATS: 'none',
      ISTHMUS_SDS_DIR: SDS_DIR,
    },
  });
  return Buffer.from(toBinary(NodeSchema, node));
}
