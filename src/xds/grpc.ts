// The xDS server: discovery services on grpc-js servers, connections pumped fairly, memory bounded, moved away gracefully.
import {
  Server as GrpcServer,
  type Server,
  ServerCredentials,
  type ServerInterceptingCall,
  type ServerInterceptor,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Proxy as Client } from '../model/proxy.ts';
import { Admission } from './admission.ts';
import type { Bodies } from './body.ts';
import { type Call, Connection, type ConnectionStatus, type Home, type Peer, Refused } from './connection.ts';
import type { DebugHandler } from './debug.ts';
import { DeltaReader } from './delta-reader.ts';
import { NamePool } from './names.ts';
import { DISCOVERY_METHODS, type DiscoveryMethod, discoveryServices } from './services.ts';
import type { Source } from './source.ts';
import type { Answer, Outgoing } from './stream.ts';

/** Told of what happens, for metrics and logs. All optional; none may throw. */
export interface XdsObserver {
  opened?(connection: ConnectionStatus): void;
  closed?(connection: ConnectionStatus | undefined, error: unknown): void;
  pushed?(typeUrl: string, resources: number, bytes: number): void;
  /** `latency`: milliseconds from sending to the answer. */
  answered?(typeUrl: string, client: Client, latency: number, error: Answer['error']): void;
  /** A client that does not read was let go. */
  stalled?(client: Client | undefined): void;
}

export interface XdsOptions {
  readonly source: Source;
  /** Says who the client is, from what the connection shows and its node. Rejects with Refused. */
  readonly authenticate: (peer: Peer, node: Node, signal: AbortSignal) => Promise<Client>;
  readonly bodies: Bodies;
  readonly debug?: DebugHandler;
  readonly observer?: XdsObserver;
  readonly clock?: Clock;
  /** Bytes of large responses on their way at once (default 64 MiB). */
  readonly inFlightBudget?: number;
  /** Largest discovery request accepted, bytes (default 4 MiB). */
  readonly maxRequestBytes?: number;
}

export interface XdsService extends Disposable {
  /** Adds the discovery services to a server; several servers may share one service. */
  addTo(server: Server): void;
  connections(): ConnectionStatus[];
  /** Connections, waiting cold syncs and bytes on their way; for metrics. */
  load(): { readonly connections: number; readonly waiting: number; readonly inFlightBytes: number };
  /** Ends all streams with UNAVAILABLE, spread evenly over `spread` milliseconds; new ones are refused. */
  drain(spread: number): Promise<void>;
}

/** A slice of pumping may take this long before other events get their turn (ms). */
const SLICE_MS = 5;
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const TICK_MS = 1_000;
/** What is kept for clients who connect is let go when nobody has needed it for this long (ms), at most twice as long. */
const REST_MS = 10_000;
/** While large responses are on their way (ms). */
const BUSY_TICK_MS = 200;
/** A large response that has not left after this long does not keep others waiting (ms). */
const PATIENCE_MS = 500;
/** A client that has not taken a large response for this long does not read (ms). */
const STALLED_MS = 10_000;
/** A response without an answer for this long may have to be given up for newer state (ms). */
const UNANSWERED_MS = 3_000;

/** Serves a source to Envoys and gRPC clients. Dispose after the servers that it was added to have stopped. */
export function createXdsService(options: XdsOptions): XdsService {
  return new Xds(options);
}

class Xds implements XdsService, Home {
  readonly stream;
  readonly admission: Admission;
  readonly debug: DebugHandler | undefined;
  readonly maxRequestBytes: number;
  readonly reader = new DeltaReader();
  readonly #options: XdsOptions;
  readonly #clock: Clock;
  readonly #connections = new Set<Connection>();
  readonly #due = new Set<Connection>();
  #scheduled = false;
  #draining = false;
  #ids = 0;
  #tick: Disposable;
  #rested: number;

  constructor(options: XdsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.debug = options.debug;
    this.maxRequestBytes = options.maxRequestBytes ?? MAX_REQUEST_BYTES;
    this.stream = { pool: new NamePool(), bodies: options.bodies };
    const budget = options.inFlightBudget ?? 64 * 1024 * 1024;
    this.admission = new Admission({ budget, patience: PATIENCE_MS, slowLimit: 2 * budget, stalledAfter: STALLED_MS });
    this.#tick = this.#clock.after(TICK_MS, () => this.#onTick());
    this.#rested = this.now();
  }

  addTo(server: Server): void {
    for (const [name, definition] of discoveryServices()) {
      const handlers: UntypedServiceImplementation = {};
      for (const method of DISCOVERY_METHODS) {
        if (method.service === name) handlers[method.method] = (call: Call) => this.#accept(call, method);
      }
      server.addService(definition, handlers);
    }
  }

  connections(): ConnectionStatus[] {
    const found: ConnectionStatus[] = [];
    for (const connection of this.#connections) {
      const shown = connection.status();
      if (shown) found.push(shown);
    }
    return found;
  }

  load() {
    const { waiting, bytes } = this.admission;
    return { connections: this.#connections.size, waiting, inFlightBytes: bytes };
  }

  async drain(spread: number): Promise<void> {
    this.#draining = true;
    const leaving = [...this.#connections];
    const pause = spread / Math.max(1, leaving.length);
    let owed = 0;
    for (const connection of leaving) {
      connection.close(new Refused(status.UNAVAILABLE, 'the control plane is shutting down; connect again'));
      owed += pause;
      if (owed < 10) continue;
      await this.#clock.sleep(owed);
      owed = 0;
    }
  }

  [Symbol.dispose](): void {
    this.#draining = true;
    this.#tick[Symbol.dispose]();
    for (const connection of [...this.#connections]) {
      connection.close(new Refused(status.UNAVAILABLE, 'the control plane has stopped'));
    }
  }

  // ---- what connections need ----

  now(): number {
    return this.#clock.now();
  }
  authenticate(peer: Peer, node: Node, signal: AbortSignal): Promise<Client> {
    return this.#options.authenticate(peer, node, signal);
  }
  open(client: Client, changed: () => void) {
    return this.#options.source.open(client, changed);
  }
  wake(connection: Connection): void {
    this.#due.add(connection);
    this.#schedule();
  }
  opened(connection: Connection): void {
    this.#options.observer?.opened?.(connection.status()!);
  }
  answered(connection: Connection, { typeUrl, sent, error }: Answer): void {
    this.#options.observer?.answered?.(typeUrl, connection.client!, this.now() - sent.at, error);
  }
  pushed(_: Connection, { plan: { body } }: Outgoing): void {
    this.#options.observer?.pushed?.(body.typeUrl, body.count, body.size);
  }
  stalled(connection: Connection): void {
    this.#options.observer?.stalled?.(connection.client);
  }
  closed(connection: Connection, error: unknown): void {
    this.#connections.delete(connection);
    this.#due.delete(connection);
    this.#options.observer?.closed?.(connection.status(), error);
  }

  #accept(call: Call, { protocol, typeUrl }: DiscoveryMethod): void {
    if (this.#draining) {
      call.emit('error', { code: status.UNAVAILABLE, details: 'the control plane is shutting down; connect again' });
      return;
    }
    const id = `${call.getPeer()}-${++this.#ids}`;
    this.#connections.add(new Connection({ id, call, protocol, typeUrl, home: this }));
  }

  /** At once when quiet; what arrives while others are served is merged, because state is looked up when it is sent. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#pump());
  }

  #pump(): void {
    this.#scheduled = false;
    const end = this.#clock.monotonic() + SLICE_MS;
    for (const connection of this.#due) {
      this.#due.delete(connection);
      connection.pump();
      if (this.#clock.monotonic() > end) break;
    }
    if (this.#due.size > 0) this.#schedule();
  }

  #onTick(): void {
    const now = this.now();
    this.admission.tick(now);
    if (now - this.#rested >= REST_MS) {
      this.#rested = now;
      this.stream.bodies.blocks.rest();
    }
    for (const connection of this.#connections) {
      const oldest = connection.oldestUnanswered();
      if (connection.blocked || (oldest && now - oldest.at > UNANSWERED_MS)) this.wake(connection);
    }
    const busy = this.admission.bytes > 0;
    this.#tick = this.#clock.after(busy ? BUSY_TICK_MS : TICK_MS, () => this.#onTick());
  }
}

export interface XdsServerOptions {
  readonly service: Pick<XdsService, 'addTo'>;
  /** `host:port`; port 0 picks one. */
  readonly address: string;
  readonly credentials?: ServerCredentials;
  /** Adds further services to the same port. */
  readonly extend?: (server: Server) => void;
  /** Largest request to other services on the port, bytes (default 4 MiB). */
  readonly maxRequestBytes?: number;
  /** Connections are asked to come anew after this, so that they spread over control planes; 0 (default): never. */
  readonly maxConnectionAgeMs?: number;
  /** Told how every call ended (`/service/method`), also those that never reached a handler. */
  readonly onStatus?: (method: string, code: status) => void;
}

export interface RunningServer {
  readonly port: number;
  /** Stops listening, tells clients to go away (GOAWAY), waits for their streams at most `grace` ms, then cuts them. */
  stop(grace: number): Promise<void>;
}

/** Listens for xDS clients. Rejects when the address cannot be bound. */
export async function startXdsServer(options: XdsServerOptions): Promise<RunningServer> {
  const { onStatus } = options;
  const server = new GrpcServer({
    ...(onStatus ? { interceptors: [statusInterceptor(onStatus)] } : {}),
    'grpc.max_receive_message_length': options.maxRequestBytes ?? MAX_REQUEST_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.enable_channelz': 0,
    ...(options.maxConnectionAgeMs
      ? { 'grpc.max_connection_age_ms': options.maxConnectionAgeMs, 'grpc.max_connection_age_grace_ms': 10_000 }
      : {}),
  });
  options.service.addTo(server);
  options.extend?.(server);
  const credentials = options.credentials ?? ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.address, credentials, (error, bound) => {
      if (error) reject(new Error(`cannot listen on ${options.address}: ${error.message}`, { cause: error }));
      else resolve(bound);
    });
  });
  return {
    port,
    stop: (grace) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, grace);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

/**
 * Sees the status of each call. A message that is too large is answered by the library itself, on its innermost call
 * object, so that is where to listen; nothing is wrapped, and messages pass as fast as before.
 */
function statusInterceptor(onStatus: NonNullable<XdsServerOptions['onStatus']>): ServerInterceptor {
  return ({ path }, call) => {
    const send = call.sendStatus.bind(call);
    let told = false;
    call.sendStatus = (ending) => {
      if (!told) onStatus(path, ending.code ?? status.UNKNOWN);
      told = true;
      send(ending);
    };
    return call as ServerInterceptingCall;
  };
}
