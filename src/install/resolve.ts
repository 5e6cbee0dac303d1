// Documents, flags and profile → one validated Installation, or every problem found on the way.
import type { Installation } from './installation.ts';
import { type Json, type JsonObject, objectAt, textAt } from './json.ts';
import { mergeObjects } from './merge.ts';
import { listProfiles, profileSpec } from './profiles.ts';
import { crossChecks } from './schema/cross-checks.ts';
import { checkDocument, checkSetFlag } from './schema/operator.ts';
import { parseSetFlag, setPath } from './set-flag.ts';
import { type InstallProblem, type OperatorDocument, parseOperatorDocuments } from './source.ts';

export interface InstallInputs {
  /** Texts of the files given by -f, in order. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** `--set` flags, in order. */
  readonly sets?: readonly string[];
  /** `--revision`. */
  readonly revision?: string;
  /** `-i`, when given. */
  readonly istioNamespace?: string;
}

export interface Resolved {
  /** Absent when there is any error among the problems. */
  readonly installation?: Installation;
  readonly problems: readonly InstallProblem[];
}

/**
 * Merges in istioctl's order: profile, documents one after another, `--set`, `--revision`. Nothing is thrown for bad
 * input; all problems are collected.
 */
export function resolve(inputs: InstallInputs): Resolved {
  const problems: InstallProblem[] = [];
  const documents = inputs.files.flatMap(({ name, text }) => {
    const parsed = parseOperatorDocuments(text, name);
    problems.push(...parsed.problems);
    return parsed.documents;
  });
  for (const document of documents) problems.push(...checkDocument(document));
  const user = documents.reduce<JsonObject>(
    (spec, { value }) => mergeObjects(spec, withoutUnset(objectAt(value, 'spec'))),
    {},
  );
  const flags = applyFlags(inputs, problems);
  const profile = textAt(flags({}, 'quiet'), 'profile') || textAt(user, 'profile') || 'default';
  const base = profileSpec(profile);
  if (!base) problems.push(unknownProfile(profile, documents));
  const spec = withEnablement(flags(mergeObjects(base ?? {}, user), 'report'), flags(user, 'quiet'));
  problems.push(...crossChecks(spec, documents));
  if (problems.some(({ severity }) => severity === 'error')) return { problems };
  const values = objectAt(spec, 'values');
  const last = documents.findLast(({ value }) => textAt(value, 'metadata.name'));
  const revision = textAt(spec, 'revision') || textAt(values, 'revision');
  const namespace = textAt(spec, 'namespace') || textAt(values, 'global.istioNamespace', 'istio-system');
  return {
    problems,
    installation: {
      owner: textAt(values, 'ownerName') || (last ? textAt(last.value, 'metadata.name') : 'unknown'),
      revision: revision === 'default' ? '' : revision,
      namespace,
      spec,
      values,
    },
  };
}

/** A key without a value (`components:`) says nothing. Inside values and meshConfig null is a statement: "not set". */
function withoutUnset(spec: JsonObject): JsonObject {
  const strip = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value as JsonObject).filter(([, v]) => v !== null && v !== undefined);
    return Object.fromEntries(entries.map(([key, v]) => [key, strip(v as Json)]));
  };
  const stated = Object.entries(spec).filter(([, value]) => value !== null);
  return Object.fromEntries(stated.map(([key, v]) => [key, key === 'components' ? strip(v as Json) : v]));
}

type LayFlags = (spec: JsonObject, on: 'report' | 'quiet') => JsonObject;

/**
 * The function that lays all flags on a spec. It is also used on partial specs, where a list index may be missing, so
 * only the lay on the whole spec (`report`) turns such contradictions into problems.
 */
function applyFlags(inputs: InstallInputs, problems: InstallProblem[]): LayFlags {
  const steps: { readonly source: string; readonly lay: (spec: JsonObject) => JsonObject }[] = [];
  const fail = (source: string, error: unknown) =>
    problems.push({ code: 'set-flag', severity: 'error', path: '', source, message: (error as Error).message });
  for (const text of inputs.sets ?? []) {
    const source = `--set ${text}`;
    try {
      const checked = checkSetFlag(parseSetFlag(text), source);
      problems.push(...checked.problems);
      const { path } = checked.flag;
      // As in documents: null in values is a statement, elsewhere it takes back what others say.
      const value = checked.flag.value === null && path[0] !== 'values' ? undefined : checked.flag.value;
      steps.push({ source, lay: (spec) => setPath(spec, path, value) as JsonObject });
    } catch (error) {
      fail(source, error);
    }
  }
  const { revision, istioNamespace } = inputs;
  if (revision !== undefined) steps.push({ source: '--revision', lay: (spec) => ({ ...spec, revision }) });
  if (istioNamespace !== undefined) {
    const path = ['values', 'global', 'istioNamespace'];
    steps.push({ source: '--istioNamespace', lay: (spec) => setPath(spec, path, istioNamespace) as JsonObject });
  }
  return (spec, on) =>
    steps.reduce((here, { source, lay }) => {
      try {
        return lay(here);
      } catch (error) {
        if (on === 'report') fail(source, error);
        return here;
      }
    }, spec);
}

/** `values.gateways.<name>.enabled` and the like, from times before `components`, switch the component unless it says itself. */
function withEnablement(spec: JsonObject, user: JsonObject): JsonObject {
  let out = spec;
  const set = (key: string, path: readonly (string | number)[], own: Json | undefined) => {
    const enabled = objectAt(user, `values.${key}`).enabled;
    if (typeof enabled === 'boolean' && own === undefined) out = setPath(out, path, enabled) as JsonObject;
  };
  set('pilot', ['components', 'pilot', 'enabled'], objectAt(user, 'components.pilot').enabled);
  set(
    'gateways.istio-ingressgateway',
    ['components', 'ingressGateways', 0, 'enabled'],
    objectAt(user, 'components').ingressGateways,
  );
  set(
    'gateways.istio-egressgateway',
    ['components', 'egressGateways', 0, 'enabled'],
    objectAt(user, 'components').egressGateways,
  );
  return out;
}

function unknownProfile(profile: string, documents: readonly OperatorDocument[]): InstallProblem {
  const names = listProfiles().map(({ name }) => name);
  const about =
    profile.includes('/') || profile.endsWith('.yaml')
      ? `profile ${profile} is a file; pass it with -f instead`
      : profile === 'ambient'
        ? 'profile ambient needs ztunnel and a CNI plugin, which this mesh does not have; use default'
        : `there is no profile ${profile}; there are ${names.join(', ')}`;
  const from = documents.find(({ value }) => textAt(value, 'spec.profile') === profile);
  return {
    code: 'unknown-profile',
    severity: 'error',
    path: 'spec.profile',
    message: about,
    ...(from ? { source: from.source, line: from.lineOf(['spec', 'profile']) } : {}),
  };
}
