// Which labels of a proxy anything asks for: the others stay out of its class, so that more proxies share one.
import type { Family, Graph } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';

/** Namespace → sorted label names that selectors of that namespace, of the root namespace or of gateways ask for. */
export function defineAskedLabels(graph: Graph, mesh: Mesh): Family<string, readonly string[]> {
  const { inputs, inNamespace } = mesh;
  // The part that only one namespace's objects decide.
  const own = graph.derived('askedLabelsOf', (namespace: string, read) => {
    const keys = new Set<string>();
    const ask = (labels: Readonly<Record<string, string>> | undefined) => {
      for (const key of Object.keys(labels ?? {})) keys.add(key);
    };
    for (const key of read(inNamespace.service, namespace)) ask(read(inputs.service, key)?.selector);
    for (const key of read(inNamespace.sidecar, namespace))
      ask(read(inputs.sidecar, key)?.spec.workloadSelector?.labels);
    for (const key of read(inNamespace.serviceEntry, namespace)) {
      ask(read(inputs.serviceEntry, key)?.spec.workloadSelector?.labels);
    }
    for (const key of read(inNamespace.peerAuthentication, namespace)) {
      ask(read(inputs.peerAuthentication, key)?.spec.selector?.matchLabels);
    }
    for (const key of read(inNamespace.authorizationPolicy, namespace)) {
      ask(read(inputs.authorizationPolicy, key)?.spec.selector?.matchLabels);
    }
    for (const key of read(inNamespace.requestAuthentication, namespace)) {
      ask(read(inputs.requestAuthentication, key)?.spec.selector?.matchLabels);
    }
    for (const key of read(inNamespace.telemetry, namespace)) {
      ask(read(inputs.telemetry, key)?.spec.selector?.matchLabels);
    }
    for (const key of read(inNamespace.envoyFilter, namespace)) {
      ask(read(inputs.envoyFilter, key)?.spec.workloadSelector?.labels);
    }
    for (const key of read(inNamespace.destinationRule, namespace)) {
      ask(read(inputs.destinationRule, key)?.spec.workloadSelector?.matchLabels);
    }
    return [...keys].sort();
  });
  const gateways = graph.derived('askedByGateways', (_: string, read) => {
    const names = read(mesh.gatewayNames, '').flatMap((name) => Object.keys(read(mesh.gateway, name)?.selector ?? {}));
    return [...new Set(names)].sort();
  });
  return graph.derived('askedLabels', (namespace: string, read) => {
    const names = new Set([
      ...read(own, namespace),
      ...read(own, read(mesh.rootNamespace, '')),
      ...read(gateways, ''),
      ...read(mesh.clientLabelKeys, ''),
    ]);
    return [...names].sort();
  });
}
