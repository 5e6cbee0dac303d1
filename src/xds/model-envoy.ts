// For tests: a client that subscribes, warms, answers and reconnects as Envoy does over delta ADS, and that complains when
// the server breaks a promise: a second response before the first is answered, an unchanged resource sent again, or a
// route that names a cluster which is not there.
import { TYPE_URL } from '../envoy/resource.ts';
import { type ReadResponse, readResponse, writeRequest } from './testing.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS, virtualHost: VHDS } = TYPE_URL;

interface TypeState {
  /** What the client applied: name → version and text. */
  readonly has: Map<string, { version: string; text: string }>;
  readonly names: Set<string>;
  started: boolean;
  /** Names whose next copy is welcome although it may be equal. */
  readonly welcome: Set<string>;
}

/**
 * Texts of resources are `name=detail`. A listener's detail lists the route tables it uses, a virtual host's the clusters;
 * resources whose text contains `bad` are rejected.
 */
export class ModelEnvoy {
  readonly types = new Map<string, TypeState>();
  /** Requests that wait to be sent. */
  outbox: Buffer[] = [];
  readonly complaints: string[] = [];
  /** Rejections happened since, so routes may name what is not there. */
  lenient = false;
  resources = 0;
  readonly #unanswered = new Set<string>();
  #warming = new Set<string>();
  #clusterNonce: string | undefined;
  #routesReady = new Set<string>();

  constructor() {
    for (const typeUrl of [CDS, EDS, LDS, RDS, VHDS]) {
      this.types.set(typeUrl, { has: new Map(), names: new Set(), started: false, welcome: new Set() });
    }
  }

  type(typeUrl: string): TypeState {
    return this.types.get(typeUrl)!;
  }

  /** Opens a stream: says everything it wants and has. */
  connect(): void {
    this.outbox = [];
    this.#unanswered.clear();
    this.#clusterNonce = undefined;
    for (const typeUrl of [CDS, EDS, LDS, RDS, VHDS]) {
      const state = this.type(typeUrl);
      if (typeUrl === CDS) state.started = true;
      if (state.started) this.#first(typeUrl);
    }
  }

  receive(message: Buffer): void {
    const response = readResponse('delta', message);
    const { typeUrl, nonce } = response;
    const excused = this.lenient && typeUrl === CDS; // its answer waits for clusters that cannot warm
    if (this.#unanswered.has(typeUrl) && !excused)
      this.complaints.push(`${typeUrl}: a second response before an answer`);
    this.#unanswered.add(typeUrl);
    const bad = response.resources.filter(({ text }) => text.includes('bad'));
    const partial = typeUrl === CDS || typeUrl === LDS;
    if (bad.length > 0) {
      this.lenient = true;
      if (partial) this.#apply({ ...response, resources: response.resources.filter((one) => !bad.includes(one)) });
      else for (const { name } of response.resources) this.#awaitAgain(typeUrl, name);
      this.#answer(typeUrl, nonce, `rejected: ${bad.map(({ name }) => name).join(', ')}`);
      return;
    }
    this.#apply(response);
    if (typeUrl === CDS) this.#clusterNonce = nonce;
    else this.#answer(typeUrl, nonce, undefined);
    this.#settleClusters();
  }

  /** Route → cluster references that lead nowhere, unless rejections explain them. */
  dangling(): string[] {
    const found: string[] = [];
    const clusters = this.type(CDS).has;
    for (const [name, { text }] of this.type(VHDS).has) {
      for (const cluster of detail(text)) {
        if (!clusters.has(cluster)) found.push(`${name} → ${cluster}: no such cluster`);
        else if (this.#warming.has(cluster) && !this.type(EDS).has.has(cluster))
          found.push(`${name} → ${cluster}: cold`);
      }
    }
    return found;
  }

  /** Whether the table has arrived, so that somebody listens for its hosts. */
  ready(name: string): boolean {
    return this.#routesReady.has(name);
  }

  #awaitAgain(typeUrl: string, name: string): void {
    this.type(typeUrl).welcome.add(name);
    if (typeUrl !== RDS) return;
    for (const host of this.type(VHDS).has.keys()) if (table(host) === name) this.type(VHDS).welcome.add(host);
  }

  #first(typeUrl: string): void {
    const state = this.type(typeUrl);
    const initialVersions = new Map([...state.has].map(([name, { version }]) => [name, version]));
    this.outbox.push(writeRequest({ protocol: 'delta', typeUrl, names: [...state.names].sort(), initialVersions }));
  }

  #apply({ typeUrl, resources, removed }: ReadResponse): void {
    const state = this.type(typeUrl);
    this.resources += resources.length;
    for (const { name, version, text } of resources) {
      if (state.has.get(name)?.version === version && !state.welcome.has(name)) {
        this.complaints.push(`${typeUrl} ${name}: sent again unchanged`);
      }
      state.welcome.delete(name);
      // Nobody listens for the hosts of a table before the table is there.
      if (typeUrl === VHDS && !this.#routesReady.has(table(name))) continue;
      if (typeUrl !== CDS && typeUrl !== LDS && typeUrl !== VHDS && !state.names.has(name)) continue;
      state.has.set(name, { version, text });
      if (typeUrl === CDS) this.#warm(name);
      if (typeUrl === EDS) this.#warming.delete(name);
      if (typeUrl === RDS) this.#routeReady(name);
    }
    for (const name of removed) {
      state.has.delete(name);
      if (typeUrl === CDS) this.#cool(name);
    }
    if (typeUrl === LDS) this.#resubscribe(RDS, this.#tables());
  }

  #warm(name: string): void {
    this.#warming.add(name);
    const endpoints = this.type(EDS);
    if (endpoints.names.has(name)) endpoints.welcome.add(name);
    else this.#subscribe(EDS, [name], []);
  }

  #cool(name: string): void {
    this.#warming.delete(name);
    if (this.type(EDS).names.has(name)) this.#subscribe(EDS, [], [name]);
  }

  /** Clusters are acknowledged when all of them are warm; only then are listeners asked for. */
  #settleClusters(): void {
    if (this.#warming.size > 0 || this.#clusterNonce === undefined) return;
    this.#answer(CDS, this.#clusterNonce, undefined);
    this.#clusterNonce = undefined;
    const listeners = this.type(LDS);
    if (!listeners.started) {
      listeners.started = true;
      this.#first(LDS);
    }
  }

  #routeReady(name: string): void {
    this.#routesReady.add(name);
    const hosts = this.type(VHDS);
    if (hosts.started) return;
    hosts.started = true;
    this.#first(VHDS);
  }

  #tables(): Set<string> {
    const tables = new Set<string>();
    for (const { text } of this.type(LDS).has.values()) for (const name of detail(text)) tables.add(name);
    return tables;
  }

  #resubscribe(typeUrl: string, wanted: ReadonlySet<string>): void {
    const { names } = this.type(typeUrl);
    const add = [...wanted].filter((name) => !names.has(name));
    const remove = [...names].filter((name) => !wanted.has(name));
    if (add.length > 0 || remove.length > 0) this.#subscribe(typeUrl, add, remove);
  }

  #subscribe(typeUrl: string, add: readonly string[], remove: readonly string[]): void {
    const state = this.type(typeUrl);
    for (const name of remove) {
      state.names.delete(name);
      state.has.delete(name);
      if (typeUrl === RDS) this.#forgetHosts(name);
    }
    for (const name of add) state.names.add(name);
    if (!state.started) {
      state.started = true;
      this.#first(typeUrl);
      return;
    }
    this.outbox.push(writeRequest({ protocol: 'delta', typeUrl, names: [...add], unsubscribe: [...remove] }));
  }

  #forgetHosts(name: string): void {
    this.#routesReady.delete(name);
    const hosts = this.type(VHDS).has;
    for (const host of [...hosts.keys()]) if (table(host) === name) hosts.delete(host);
  }

  #answer(typeUrl: string, nonce: string, error: string | undefined): void {
    this.#unanswered.delete(typeUrl);
    const failure = error === undefined ? undefined : { code: 13, message: error };
    this.outbox.push(writeRequest({ protocol: 'delta', typeUrl, nonce, error: failure }));
  }
}

const table = (host: string): string => host.slice(0, host.lastIndexOf('/'));

/** What stands behind `=`, split at commas. */
function detail(text: string): string[] {
  const list = text.slice(text.indexOf('=') + 1).split(';')[0]!;
  return list === '' ? [] : list.split(',');
}
