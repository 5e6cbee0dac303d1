// Chooses a pod's templates, runs them and lays what they add over the pod.
import type { Problem } from '../../model/problem.ts';
import { splitList } from '../annotations.ts';
import type { InjectorConfig } from '../config.ts';
import { strategicMerge } from '../merge.ts';
import type { Pod, PodPatch } from '../pod.ts';
import { annotationsOf, containerList, findNamed, PROXY, withSpec } from '../pod.ts';
import { customTemplate } from './custom.ts';
import { gatewayTemplate } from './gateway.ts';
import type { Template, TemplateInput } from './input.ts';
import { sidecarTemplate } from './sidecar.ts';

const BUILT_IN: Readonly<Record<string, Template>> = { sidecar: sidecarTemplate, gateway: gatewayTemplate };

export interface TemplatesRun {
  /** The pod with everything the templates add. */
  readonly merged: Pod;
  /** What they add, merged among themselves. */
  readonly added: PodPatch;
  readonly problems: readonly Problem[];
}

/** Names of the templates of a pod: its annotation `inject.istio.io/templates`, else the defaults; aliases resolved once. */
export function templateNames(pod: Pod, config: InjectorConfig): string[] {
  const wish = annotationsOf(pod)['inject.istio.io/templates'];
  const names = wish === undefined ? config.defaultTemplates : splitList(wish);
  return names.flatMap((name) => (Object.hasOwn(config.aliases, name) ? config.aliases[name]! : [name]));
}

/** Runs the named templates in order, each over the result of those before it. */
export function runTemplates(
  pod: Pod,
  names: readonly string[],
  input: TemplateInput,
  config: InjectorConfig,
): TemplatesRun {
  const problems: Problem[] = [];
  let merged = pod;
  let added: PodPatch = {};
  for (const name of names) {
    const template = findTemplate(name, config);
    if (!template) {
      problems.push(unknown(name, config));
      continue;
    }
    const output = template(input);
    problems.push(...output.problems);
    added = overlay(added, output.patch);
    merged = overlay(merged, output.patch);
  }
  return { merged, added, problems };
}

/** A custom template of the same name replaces a built-in one. */
function findTemplate(name: string, config: InjectorConfig): Template | undefined {
  if (Object.hasOwn(config.templates, name)) return customTemplate(name, config.templates[name]!);
  return Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
}

/**
 * Lays a template's part over a pod. The proxy may be a container or, as a native sidecar, an init container: a
 * template that defines it (has its image) decides where; one that only adds to it follows where it is.
 */
function overlay(base: Pod, patch: PodPatch): Pod {
  const there = containerList(base, PROXY);
  const here = containerList(patch, PROXY);
  if (!there || !here || there === here) return strategicMerge(base, patch);
  const defines = findNamed(patch.spec?.[here], PROXY)?.image !== undefined;
  return defines
    ? strategicMerge(moveProxy(base, there, here), patch)
    : strategicMerge(base, moveProxy(patch, here, there));
}

type List = 'containers' | 'initContainers';

function moveProxy(pod: Pod, from: List, to: List): Pod {
  const proxy = findNamed(pod.spec?.[from], PROXY)!;
  return withSpec(pod, {
    [from]: (pod.spec?.[from] ?? []).filter((container) => container !== proxy),
    [to]: [...(pod.spec?.[to] ?? []), proxy],
  });
}

function unknown(name: string, config: InjectorConfig): Problem {
  const known = [...new Set([...Object.keys(BUILT_IN), ...Object.keys(config.templates)])].sort();
  return {
    code: 'unknown-template',
    severity: 'error',
    path: 'metadata.annotations["inject.istio.io/templates"]',
    message: `There is no injection template ${JSON.stringify(name)}; there are ${known.join(', ')}`,
  };
}
