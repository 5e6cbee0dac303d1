// Waits until what was applied works: CRDs established, Deployments available. On timeout it says why not.
import { pathOf, read } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { isObject, listAt, type Manifest, numberAt, textAt } from '../json.ts';
import { diagnose } from './diagnose.ts';
import { InstallError } from './events.ts';

export interface WaitOptions {
  readonly api: ApiClient;
  readonly objects: readonly Manifest[];
  readonly timeoutMs: number;
  /** Told what is still missing, whenever that changes. */
  readonly onWaiting?: (what: string) => void;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

const POLL_MS = 500;

/** Resolves when all are ready. Rejects with InstallError that names each object and its reason when time is up. */
export async function waitReady(options: WaitOptions): Promise<void> {
  const { api, timeoutMs, clock = systemClock, signal, onWaiting = () => {} } = options;
  const deadline = clock.monotonic() + timeoutMs;
  let pending = options.objects.filter(({ kind }) => kind === 'Deployment' || kind === 'CustomResourceDefinition');
  let said = '';
  for (;;) {
    const states = await Promise.all(
      pending.map(async (object) => ({ object, missing: missing(await read<Manifest>(api, object, signal)) })),
    );
    const open = states.filter((state) => state.missing !== undefined);
    if (open.length === 0) return;
    const now = open.map(({ object, missing: what }) => `${object.metadata.name} (${what})`).join(', ');
    if (now !== said) onWaiting(now);
    said = now;
    if (clock.monotonic() >= deadline)
      throw await timedOut(
        options,
        open.map(({ object }) => object),
      );
    pending = open.map(({ object }) => object);
    await clock.sleep(Math.min(POLL_MS, Math.max(0, deadline - clock.monotonic())), signal);
  }
}

/** What an object still lacks; undefined when it is ready. */
export function missing(object: Manifest | undefined): string | undefined {
  if (!object) return 'not there yet';
  if (object.kind === 'CustomResourceDefinition') {
    return condition(object, 'Established') === 'True' ? undefined : 'not established yet';
  }
  const generation = numberAt(object, 'metadata.generation') ?? 0;
  if ((numberAt(object, 'status.observedGeneration') ?? 0) < generation) return 'not seen by its controller yet';
  const wanted = numberAt(object, 'spec.replicas') ?? 1;
  const updated = numberAt(object, 'status.updatedReplicas') ?? 0;
  const available = numberAt(object, 'status.availableReplicas') ?? 0;
  const total = numberAt(object, 'status.replicas') ?? 0;
  if (updated < wanted) return `${updated} of ${wanted} pods updated`;
  if (total > updated) return `${total - updated} old pods still stopping`;
  if (available < updated) return `${available} of ${wanted} pods ready`;
  return undefined;
}

function condition(object: Manifest, type: string): string {
  const found = listAt(object, 'status.conditions').find((c) => isObject(c) && c.type === type);
  return textAt(found, 'status');
}

async function timedOut(options: WaitOptions, open: readonly Manifest[]): Promise<InstallError> {
  const { api, timeoutMs, signal } = options;
  const reports = await Promise.all(open.map((object) => diagnose({ api, object, signal })));
  const seconds = Math.round(timeoutMs / 1000);
  return new InstallError(
    `Not ready after ${seconds} s:\n${reports
      .flat()
      .map((line) => `  ${line}`)
      .join('\n')}\n` +
      `Look further with: kubectl get ${pathOf(open[0]!).split('/').at(-2)} ${open[0]!.metadata.name}` +
      `${open[0]!.metadata.namespace ? ` -n ${open[0]!.metadata.namespace}` : ''} -o yaml; or allow more time with --readiness-timeout.`,
  );
}
