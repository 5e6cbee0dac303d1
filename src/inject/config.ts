// The injector's configuration: key `config` of the ConfigMap istio-sidecar-injector (policy, selectors, templates).
import { parse as parseYaml } from 'yaml';
import type { Problem } from '../model/problem.ts';
import type { JsonValue } from './json.ts';
import { isObject } from './json.ts';
import type { StringMap } from './pod.ts';
import type { LabelSelector } from './selector.ts';

export interface InjectorConfig {
  readonly policy: 'enabled' | 'disabled';
  readonly defaultTemplates: readonly string[];
  /** A name that stands for several templates. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  /** Custom templates; a custom template named like a built-in one replaces it. */
  readonly templates: StringMap;
  readonly alwaysInjectSelector: readonly LabelSelector[];
  readonly neverInjectSelector: readonly LabelSelector[];
  /** Added to every injected pod. */
  readonly injectedAnnotations: StringMap;
}

export const defaultInjectorConfig: InjectorConfig = {
  policy: 'enabled',
  defaultTemplates: ['sidecar'],
  aliases: {},
  templates: {},
  alwaysInjectSelector: [],
  neverInjectSelector: [],
  injectedAnnotations: {},
};

/**
 * Reads the configuration (YAML text or an object). What cannot be read is reported and left at its default, except the
 * policy: an unknown policy injects nothing, as in Istio.
 */
export function parseInjectorConfig(document: unknown): {
  readonly config: InjectorConfig;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const raw = typeof document === 'string' ? readYaml(document, problems) : document;
  if (raw === undefined || raw === null) return { config: defaultInjectorConfig, problems };
  if (!isObject(raw)) {
    problems.push(invalid('', 'must be an object with policy and templates'));
    return { config: defaultInjectorConfig, problems };
  }
  const templates = list<string>(raw.defaultTemplates, 'defaultTemplates', problems);
  const config: InjectorConfig = {
    policy: policy(raw.policy, problems),
    defaultTemplates: templates.length > 0 ? templates.map(String) : defaultInjectorConfig.defaultTemplates,
    aliases: aliases(raw.aliases, problems),
    templates: strings(raw.templates, 'templates', problems),
    alwaysInjectSelector: list<LabelSelector>(raw.alwaysInjectSelector, 'alwaysInjectSelector', problems),
    neverInjectSelector: list<LabelSelector>(raw.neverInjectSelector, 'neverInjectSelector', problems),
    injectedAnnotations: strings(raw.injectedAnnotations, 'injectedAnnotations', problems),
  };
  return { config, problems };
}

function readYaml(text: string, problems: Problem[]): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    problems.push(invalid('', `is not valid YAML: ${(error as Error).message.split('\n')[0]}`));
    return undefined;
  }
}

function policy(value: JsonValue | undefined, problems: Problem[]): 'enabled' | 'disabled' {
  if (value === undefined || value === null || value === 'enabled') return 'enabled';
  if (value !== 'disabled') {
    problems.push(invalid('policy', `must be enabled or disabled, got ${JSON.stringify(value)}; nothing is injected`));
  }
  return 'disabled';
}

function list<T>(value: JsonValue | undefined, path: string, problems: Problem[]): readonly T[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value as readonly T[];
  problems.push(invalid(path, 'must be a list'));
  return [];
}

function strings(value: JsonValue | undefined, path: string, problems: Problem[]): StringMap {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) {
    problems.push(invalid(path, 'must be an object'));
    return {};
  }
  const result: Record<string, string> = {};
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === 'string') result[key] = item;
    else problems.push(invalid(`${path}.${key}`, 'must be a string'));
  }
  return result;
}

function aliases(value: JsonValue | undefined, problems: Problem[]): Readonly<Record<string, readonly string[]>> {
  if (!isObject(value)) return {};
  const entries = Object.entries(value).map(([name, targets]) => [
    name,
    list<string>(targets, `aliases.${name}`, problems),
  ]);
  return Object.fromEntries(entries) as Readonly<Record<string, readonly string[]>>;
}

function invalid(path: string, message: string): Problem {
  return {
    code: 'invalid-injector-config',
    severity: 'error',
    path: path ? `config.${path}` : 'config',
    message: `${message}. Correct it in the ConfigMap istio-sidecar-injector`,
  };
}
