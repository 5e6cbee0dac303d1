// Kubernetes Pod, reduced to what routing and policies read: about ten short fields, label sets shared.
import type { TlsMode } from '../model/endpoint.ts';
import { coreKind, integer, record, records } from './core-kind.ts';
import { internLabels, internValue } from './intern.ts';
import { text } from './meta.ts';
import type { Labels } from './object.ts';

export interface PodValue {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly ip: string;
  readonly node: string;
  readonly serviceAccount: string;
  /** Name of the Deployment, StatefulSet … that owns it; the pod's own name when nothing does. */
  readonly workload: string;
  readonly workloadKind: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  readonly hostNetwork: boolean;
  /** Has a proxy that takes mutual TLS. */
  readonly tlsMode: TlsMode;
  /** Named container ports, for target ports given by name. */
  readonly ports: Readonly<Record<string, number>>;
}

export const podKind = coreKind<PodValue>({
  id: 'pod',
  group: '',
  versions: ['v1'],
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
  read(raw) {
    const spec = record(raw.spec);
    const status = record(raw.status);
    const labels = raw.metadata?.labels ?? {};
    const owner = workloadOf(raw.metadata?.name ?? '', raw.metadata?.ownerReferences, labels);
    return {
      name: text(raw.metadata?.name),
      namespace: text(raw.metadata?.namespace),
      labels: internLabels(labels),
      ip: text(status.podIP),
      node: text(spec.nodeName),
      serviceAccount: text(spec.serviceAccountName) || 'default',
      workload: owner.name,
      workloadKind: owner.kind,
      phase: text(status.phase),
      ready: isReady(status),
      terminating: Boolean(raw.metadata?.deletionTimestamp),
      hostNetwork: spec.hostNetwork === true,
      tlsMode: takesMutualTls(raw.metadata?.annotations ?? {}, labels, spec) ? 'istio' : 'disabled',
      ports: internValue(
        Object.fromEntries(
          records(spec.containers)
            .flatMap((c) => records(c.ports))
            .filter((p) => text(p.name) !== '')
            .map((p) => [text(p.name), integer(p.containerPort)]),
        ),
      ),
    };
  },
});

/** Objects from files often leave out the conditions: then a running pod is ready. */
function isReady(status: Record<string, unknown>): boolean {
  if (!Array.isArray(status.conditions)) return status.phase === 'Running';
  return records(status.conditions).some((c) => c.type === 'Ready' && c.status === 'True');
}

/** As the label says; else a pod has a proxy when injection left its mark or the container is there. */
function takesMutualTls(annotations: Labels, labels: Labels, spec: Record<string, unknown>): boolean {
  const label = labels['security.istio.io/tlsMode'];
  if (label !== undefined) return label === 'istio';
  if (annotations['sidecar.istio.io/status']) return true;
  return [...records(spec.containers), ...records(spec.initContainers)].some((c) => c.name === 'istio-proxy');
}

function workloadOf(
  pod: string,
  owners: readonly { kind?: string; name?: string; controller?: boolean }[] | undefined,
  labels: Labels,
): { kind: string; name: string } {
  const owner = owners?.find((o) => o.controller) ?? owners?.[0];
  if (!owner?.name) return { kind: 'Pod', name: pod };
  const hash = labels['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash && owner.name.endsWith(`-${hash}`)) {
    return { kind: 'Deployment', name: owner.name.slice(0, -hash.length - 1) };
  }
  // A CronJob's Jobs are named after it with the scheduled minute.
  const scheduled = owner.kind === 'Job' ? /^(.+)-\d{8,}$/.exec(owner.name) : null;
  if (scheduled) return { kind: 'CronJob', name: scheduled[1]! };
  return { kind: owner.kind ?? '', name: owner.name };
}
