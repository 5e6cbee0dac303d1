// The order of containers after merging: it decides who starts first and which container kubectl picks.
import type { Container, Pod } from './pod.ts';
import { findNamed, INIT, PROXY, VALIDATION, withSpec } from './pod.ts';

/**
 * The proxy is the last container, or the first when the application must wait for it. A native sidecar starts right
 * after capture is set up and before the pod's own init containers, so those are in the mesh; without one, capture is
 * set up last, because the pod's init containers have no proxy yet. Validation always comes first.
 */
export function orderContainers(pod: Pod, proxyFirst: boolean): Pod {
  const containers = move(pod.spec?.containers ?? [], PROXY, proxyFirst ? 'first' : 'last');
  const init = pod.spec?.initContainers ?? [];
  const native = findNamed(init, PROXY) !== undefined;
  const ordered = native
    ? [PROXY, VALIDATION, INIT].reduce((list, name) => move(list, name, 'first'), init)
    : move(move(init, VALIDATION, 'first'), INIT, 'last');
  return withSpec(pod, { containers, ...(ordered.length > 0 ? { initContainers: ordered } : {}) });
}

function move(list: readonly Container[], name: string, where: 'first' | 'last'): readonly Container[] {
  const found = findNamed(list, name);
  if (!found) return list;
  const others = list.filter((container) => container !== found);
  return where === 'first' ? [found, ...others] : [...others, found];
}
