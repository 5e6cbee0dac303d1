// A process full of simulated proxies. bench/run.ts tells it what to do over IPC; by hand it connects to any xDS server:
//   node bench/client.ts --address 127.0.0.1:15010 [--pid PID] [--clients 50] [--routers 0] [--protocol delta|sotw]
//   [--services 1000] [--namespaces 20] [--seconds 0]
import { parseArgs } from 'node:util';
import { Envoy, type EnvoyIdentity, type Protocol } from './envoy.ts';
import { type Change, Expectations, type Outcome } from './expectation.ts';
import { FULL } from './objects.ts';
import { cpuSeconds, memory } from './process.ts';
import { identities } from './proxies.ts';
import { TYPE_NAMES, type TypeName } from './skim.ts';
import { monotonic } from './world.ts';

export interface Traffic {
  readonly messages: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, number>>;
}

export type Command =
  | { do: 'open'; address: string; protocol: Protocol; identities: EnvoyIdentity[]; timeoutMs: number }
  | { do: 'reopen'; address: string; timeoutMs: number }
  | { do: 'close' }
  | { do: 'expect'; change: Change; namespaces?: string[]; kind?: 'sidecar' | 'router' }
  | { do: 'wait'; ids: number[]; timeoutMs: number }
  | { do: 'traffic' };

export interface Opened {
  /** Milliseconds from the first connection to each proxy's being in sync. */
  readonly times: readonly number[];
  readonly failures: number;
  readonly missing: number;
  /** Resources that a proxy has got, on average. */
  readonly resources: number;
}

export interface Answers {
  open: Opened;
  reopen: Opened;
  close: undefined;
  expect: undefined;
  wait: Outcome[];
  traffic: Traffic;
}

/** A connection that was refused is tried again after this long (ms), as Envoy does with jitter. */
const RETRY_MS = 500;

class Fleet {
  readonly expectations = new Expectations();
  #envoys: Envoy[] = [];
  #address = '';
  /** When each proxy came into sync; one whose connection broke has to come again. */
  readonly #times = new Map<Envoy, number>();
  #begun = 0;
  #failures = 0;
  #lastFailure = '';
  #whenSynced: (() => void) | undefined;
  #messages: Record<string, number> = {};
  #bytes: Record<string, number> = {};
  #closing = false;

  async open(address: string, protocol: Protocol, who: readonly EnvoyIdentity[], timeoutMs: number): Promise<Opened> {
    this.close();
    this.#envoys = who.map(
      (identity) =>
        new Envoy(identity, protocol, {
          received: (envoy, type, message) => this.#received(envoy, type, message),
          synced: (envoy) => this.#synced(envoy),
          failed: (envoy, reason) => this.#failed(envoy, reason),
        }),
    );
    return this.reopen(address, timeoutMs);
  }

  async reopen(address: string, timeoutMs: number): Promise<Opened> {
    for (const envoy of this.#envoys) envoy.close();
    this.#closing = false;
    this.#address = address;
    this.#times.clear();
    this.#failures = 0;
    this.#begun = monotonic();
    for (const envoy of this.#envoys) {
      envoy.resources = 0;
      envoy.open(address);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenSynced = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
    this.#whenSynced = undefined;
    const missing = this.#envoys.filter(({ synced }) => !synced).length;
    if (missing > 0) process.stderr.write(`${missing} proxies are not in sync; last failure: ${this.#lastFailure}\n`);
    const resources = this.#envoys.reduce((sum, envoy) => sum + envoy.resources, 0) / Math.max(1, this.#envoys.length);
    return { times: [...this.#times.values()], failures: this.#failures, missing, resources };
  }

  close(): void {
    this.#closing = true;
    for (const envoy of this.#envoys) envoy.close();
  }

  expect(change: Change, namespaces: readonly string[] | undefined, kind: 'sidecar' | 'router' | undefined): void {
    const wanted = this.#envoys.filter(
      ({ identity }) =>
        identity.kind === (kind ?? 'sidecar') && (!namespaces || namespaces.includes(identity.namespace)),
    );
    this.expectations.add(change, wanted);
  }

  /** Since the last call. */
  traffic(): Traffic {
    const taken = { messages: this.#messages, bytes: this.#bytes };
    this.#messages = {};
    this.#bytes = {};
    return taken;
  }

  #received(envoy: Envoy, type: TypeName | undefined, message: Buffer): void {
    const now = monotonic();
    const name = type ?? 'other';
    this.#messages[name] = (this.#messages[name] ?? 0) + 1;
    this.#bytes[name] = (this.#bytes[name] ?? 0) + message.length;
    if (type) this.expectations.look(envoy, type, message, now);
  }

  #synced(envoy: Envoy): void {
    this.#times.set(envoy, monotonic() - this.#begun);
    if (this.#times.size >= this.#envoys.length) this.#whenSynced?.();
  }

  #failed(envoy: Envoy, reason: string): void {
    if (this.#closing) return;
    this.#failures++;
    this.#times.delete(envoy);
    this.#lastFailure = reason;
    setTimeout(() => !this.#closing && envoy.open(this.#address), RETRY_MS * (0.5 + Math.random())).unref();
  }
}

async function obey(fleet: Fleet, command: Command): Promise<unknown> {
  switch (command.do) {
    case 'open':
      return fleet.open(command.address, command.protocol, command.identities, command.timeoutMs);
    case 'reopen':
      return fleet.reopen(command.address, command.timeoutMs);
    case 'close':
      return fleet.close();
    case 'expect':
      return fleet.expect(command.change, command.namespaces, command.kind);
    case 'wait':
      return fleet.expectations.wait(command.ids, command.timeoutMs);
    case 'traffic':
      return fleet.traffic();
  }
}

async function byHand(): Promise<void> {
  const { values } = parseArgs({
    options: {
      address: { type: 'string', default: '127.0.0.1:15010' },
      pid: { type: 'string' },
      clients: { type: 'string', default: '50' },
      routers: { type: 'string', default: '0' },
      protocol: { type: 'string', default: 'delta' },
      services: { type: 'string', default: '1000' },
      namespaces: { type: 'string', default: '20' },
      seconds: { type: 'string', default: '0' },
    },
  });
  const pid = values.pid ? Number(values.pid) : undefined;
  const sizes = { ...FULL, services: Number(values.services), namespaces: Number(values.namespaces) };
  const who = identities({ clients: Number(values.clients), routers: Number(values.routers), sizes });
  const fleet = new Fleet();
  const cpu = pid ? cpuSeconds(pid) : 0;
  const opened = await fleet.open(values.address, values.protocol as Protocol, who, 600_000);
  const { bytes, messages } = fleet.traffic();
  const total = TYPE_NAMES.reduce((sum, type) => sum + (bytes[type] ?? 0), 0);
  console.log(
    JSON.stringify({
      clients: who.length,
      missing: opened.missing,
      failures: opened.failures,
      wallMs: Math.round(Math.max(...opened.times)),
      resourcesPerClient: Math.round(opened.resources),
      bytesPerClient: Math.round(total / who.length),
      bytes,
      messages,
      ...(pid && { cpuSeconds: cpuSeconds(pid) - cpu, ...memory(pid) }),
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1000));
  process.exit(0);
}

if (process.send) {
  const fleet = new Fleet();
  process.on('message', (message: { id: number; command: Command }) => {
    obey(fleet, message.command).then(
      (result) => process.send!({ id: message.id, result }),
      (error: unknown) => process.send!({ id: message.id, error: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
} else if (process.argv[1]?.endsWith('client.ts')) {
  await byHand();
}
