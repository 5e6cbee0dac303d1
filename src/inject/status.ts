// The annotations by which injection remembers what it did (`sidecar.istio.io/status`, `proxy.istio.io/overrides`) and undoing it.
import type { Problem } from '../model/problem.ts';
import type { JsonValue } from './json.ts';
import { isObject } from './json.ts';
import type { Container, Pod, PodPatch } from './pod.ts';
import { annotationsOf, withAnnotations, withSpec } from './pod.ts';
import { withoutScrapeAnnotations } from './prometheus.ts';
import { checkOverrides } from './shape.ts';

export const STATUS = 'sidecar.istio.io/status';
export const OVERRIDES = 'proxy.istio.io/overrides';

/** Names of what an injection added. */
export interface InjectionStatus {
  readonly initContainers: readonly string[];
  readonly containers: readonly string[];
}

/** Containers that the pod's author wrote and that a template has too: their fields win over the template's. */
export interface Overrides {
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
}

/** The status that an earlier injection left; undefined when there is none or it cannot be read. */
export function readStatus(pod: Pod): InjectionStatus | undefined {
  const text = annotationsOf(pod)[STATUS];
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    if (!isObject(parsed)) return undefined;
    return { initContainers: names(parsed.initContainers), containers: names(parsed.containers) };
  } catch {
    return undefined;
  }
}

/** The status to leave for what the templates added. Keys and nulls are as in Istio, whose tools read it. */
export function statusText(added: PodPatch, revision: string): string {
  const list = (items: readonly { name: string }[] | undefined) =>
    items?.length ? items.map((item) => item.name) : null;
  return JSON.stringify({
    initContainers: list(added.spec?.initContainers),
    containers: list(added.spec?.containers),
    volumes: list(added.spec?.volumes),
    imagePullSecrets: list(added.spec?.imagePullSecrets),
    revision: revision || 'default',
  });
}

/** Reads the overrides that an earlier injection kept. */
export function readOverrides(pod: Pod): { readonly overrides: Overrides; readonly problems: readonly Problem[] } {
  const text = annotationsOf(pod)[OVERRIDES];
  const none: Overrides = { containers: [], initContainers: [] };
  if (text === undefined) return { overrides: none, problems: [] };
  try {
    const parsed: unknown = JSON.parse(text);
    if (!isObject(parsed)) throw new SyntaxError('it is not an object');
    const [wrong] = checkOverrides(parsed);
    if (wrong) throw new SyntaxError(wrong.message);
    return {
      overrides: { containers: containers(parsed.containers), initContainers: containers(parsed.initContainers) },
      problems: [],
    };
  } catch (error) {
    const problem: Problem = {
      code: 'invalid-annotation',
      severity: 'error',
      path: `metadata.annotations["${OVERRIDES}"]`,
      message: `${OVERRIDES} must be JSON with containers and initContainers: ${(error as Error).message}. Remove it, injection writes it`,
    };
    return { overrides: none, problems: [problem] };
  }
}

/**
 * The pod as its author wrote it: without the containers and annotations of an earlier injection, and with the
 * containers put back that the author had written himself.
 */
export function withoutInjection(pod: Pod, agentPort: number, overrides: Overrides): Pod {
  const status = readStatus(pod);
  const stripped = status ? strip(pod, status, agentPort) : pod;
  const missing = (list: 'containers' | 'initContainers') => {
    const present = stripped.spec?.[list] ?? [];
    return [...present, ...overrides[list].filter((item) => !present.some((other) => other.name === item.name))];
  };
  if (overrides.containers.length + overrides.initContainers.length === 0) return stripped;
  return withSpec(stripped, { containers: missing('containers'), initContainers: missing('initContainers') });
}

function strip(pod: Pod, status: InjectionStatus, agentPort: number): Pod {
  const keep = (list: readonly Container[] | undefined, added: readonly string[]) =>
    list?.filter((container) => !added.includes(container.name));
  const bare = withSpec(pod, {
    containers: keep(pod.spec?.containers, status.containers) ?? [],
    initContainers: keep(pod.spec?.initContainers, status.initContainers),
  });
  return withAnnotations(bare, { ...withoutScrapeAnnotations(annotationsOf(bare), agentPort), [STATUS]: undefined });
}

function names(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function containers(value: JsonValue | undefined): readonly Container[] {
  return (value ?? []) as readonly Container[];
}
