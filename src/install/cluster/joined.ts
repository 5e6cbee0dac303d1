// Whether the control plane has taken a cluster over: it has then put its certificate authority into the webhooks there.
import { read } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Component } from '../generate.ts';
import { clusterName, type Installation } from '../installation.ts';
import { listAt, type Manifest, textAt } from '../json.ts';
import { READER } from '../objects/base.ts';

export interface JoinOptions {
  readonly api: ApiClient;
  readonly installation: Installation;
  readonly component: Component;
  readonly timeoutMs: number;
  readonly onWaiting?: (what: string) => void;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

const POLL_MS = 300;

/**
 * Waits until every webhook of the component has a `caBundle`: before that, pods of meshed namespaces cannot be created.
 * Returns undefined when it has happened, else what to do about it. Where nobody can have joined yet (a remote cluster
 * without remote secret) it does not wait.
 */
export async function joined(options: JoinOptions): Promise<string | undefined> {
  const { api, installation, component, timeoutMs, onWaiting = () => {}, clock = systemClock, signal } = options;
  const remote = component.name === 'IstiodRemote';
  const hooks = component.objects.filter(({ kind }) => kind === 'MutatingWebhookConfiguration');
  if (hooks.length === 0) return undefined;
  const deadline = clock.monotonic() + (remote && !(await hasReaderToken(options)) ? 0 : timeoutMs);
  for (let first = true; ; first = false) {
    const now = await Promise.all(hooks.map((hook) => read<Manifest>(api, hook, signal)));
    if (now.every((hook) => withoutBundle(hook) === 0)) return undefined;
    if (clock.monotonic() >= deadline) return remote ? joinHint(installation, api.cluster) : NOT_TAKEN;
    if (first)
      onWaiting(remote ? 'the control plane to reach this cluster' : 'the control plane to serve the webhooks');
    await clock.sleep(POLL_MS, signal);
  }
}

/** How many webhooks of a configuration have no certificate authority. */
export function withoutBundle(configuration: Manifest | undefined): number {
  return listAt(configuration, 'webhooks').filter((hook) => !textAt(hook, 'clientConfig.caBundle')).length;
}

async function hasReaderToken({ api, installation, signal }: JoinOptions): Promise<boolean> {
  const metadata = { name: `${READER}-istio-remote-secret-token`, namespace: installation.namespace };
  return (await read(api, { apiVersion: 'v1', kind: 'Secret', metadata }, signal)) !== undefined;
}

const NOT_TAKEN =
  'The control plane has not put its certificate authority into the webhooks yet, so pods of meshed namespaces cannot ' +
  'start; look into its log (kubectl -n istio-system logs deploy/istiod).';

function joinHint(installation: Installation, context: string): string {
  const name = clusterName(installation);
  return (
    'The control plane does not serve this cluster yet. Give it access, if that has not been done: ' +
    `istioctl create-remote-secret --context=${context} --name=${name} | kubectl apply -f - --context=<primary>; ` +
    'then istioctl remote-clusters --context=<primary> shows how it fares.'
  );
}
