// A container that the pod's author and a template both have (a customised `istio-proxy`): the author's fields win.
import { strategicMerge } from './merge.ts';
import type { Container, Pod, PodPatch } from './pod.ts';
import {
  annotationsOf,
  findContainer,
  findNamed,
  INIT,
  mapContainer,
  PROXY,
  VALIDATION,
  withAnnotations,
} from './pod.ts';
import type { InjectionStatus, Overrides } from './status.ts';
import { OVERRIDES } from './status.ts';

/** The image name by which an author says: whatever the template has. */
const AUTO = 'auto';

export interface OverrideContext {
  /** The pod before injection. */
  readonly original: Pod;
  /** What the templates added. */
  readonly added: PodPatch;
  /** What an earlier injection kept. */
  readonly kept: Overrides;
  /** What an earlier injection added; such containers are the template's, not the author's. */
  readonly status: InjectionStatus | undefined;
  readonly transparent: boolean;
}

/** Lays the author's containers over the merged pod and remembers them in an annotation for a later injection. */
export function applyOverrides(merged: Pod, context: OverrideContext): Pod {
  const found = {
    containers: authored(context, 'containers'),
    initContainers: authored(context, 'initContainers'),
  };
  let pod = merged;
  for (const list of ['containers', 'initContainers'] as const) {
    if (found[list].length > 0) pod = strategicMerge(pod, { spec: { [list]: found[list] } });
  }
  if (!context.status && found.containers.length + found.initContainers.length > 0) {
    const text = JSON.stringify({
      ...(found.containers.length > 0 ? { containers: found.containers } : {}),
      ...(found.initContainers.length > 0 ? { initContainers: found.initContainers } : {}),
    });
    pod = withAnnotations(pod, { ...annotationsOf(pod), [OVERRIDES]: text });
  }
  return alignUser(pod, context);
}

function authored(context: OverrideContext, list: 'containers' | 'initContainers'): Container[] {
  const result: Container[] = [];
  for (const { name } of context.added.spec?.[list] ?? []) {
    if (context.status?.[list].includes(name) && !findNamed(context.kept[list], name)) continue;
    const own =
      findNamed(context.kept[list], name) ??
      (list === 'containers'
        ? findNamed(context.original.spec?.containers, name)
        : findContainer(context.original, name));
    if (own) result.push(withoutAuto(own));
  }
  return result;
}

function withoutAuto(container: Container): Container {
  if (container.image !== AUTO) return container;
  const { image: _, ...others } = container;
  return others as Container;
}

/**
 * Capture lets the proxy's own traffic pass by its user id, so a user id that the author chose must reach the capture
 * container too. With transparent capture the proxy stays root.
 */
function alignUser(pod: Pod, context: OverrideContext): Pod {
  const kept = findNamed(context.kept.containers, PROXY) ?? findNamed(context.kept.initContainers, PROXY);
  const own = (kept ?? findContainer(context.original, PROXY))?.securityContext;
  const user = own?.runAsUser;
  const group = own?.runAsGroup;
  if (typeof user !== 'number' && typeof group !== 'number') return pod;
  const root = context.transparent && typeof user === 'number';
  const proxy = root
    ? mapContainer(pod, PROXY, (container) => ({
        ...container,
        securityContext: { ...container.securityContext, runAsUser: 0 },
      }))
    : pod;
  const capture = findContainer(proxy, INIT) ? INIT : VALIDATION;
  return mapContainer(proxy, capture, (container) => {
    const ids = {
      ...(typeof user === 'number' ? { runAsUser: user } : {}),
      ...(typeof group === 'number' ? { runAsGroup: group } : {}),
    };
    const follows = capture === VALIDATION && !context.transparent;
    const at = (container.args ?? []).indexOf('-u');
    const replace = typeof user === 'number' && user !== 0 && at >= 0;
    return {
      ...container,
      ...(follows ? { securityContext: { ...container.securityContext, ...ids } } : {}),
      ...(replace ? { args: container.args!.with(at + 1, String(user)) } : {}),
    };
  });
}
