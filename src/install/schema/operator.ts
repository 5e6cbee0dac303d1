// The schema of an IstioOperator document and the checks of one document or one --set flag against it.
import { MeshConfigSchema } from '../../kinds/mesh-config.ts';
import { type Json, textAt } from '../json.ts';
import type { PathStep, SetFlag } from '../set-flag.ts';
import type { InstallProblem, OperatorDocument } from '../source.ts';
import { k8s, overlaysOnly, remoteK8s } from './kube.ts';
import { protoSchema } from './proto.ts';
import {
  any,
  boolean,
  check,
  list,
  map,
  object,
  type Schema,
  schemaAt,
  showPath,
  string,
  text,
  unused,
} from './schema.ts';
import { valuesSchema } from './values.ts';

const component = { enabled: boolean, namespace: string, hub: string, tag: text, k8s };
const gateway = object({ ...component, name: string, label: map(string) });

const specSchema: Schema = object({
  profile: string,
  installPackagePath: unused('all profiles and manifests are built in'),
  hub: string,
  tag: text,
  namespace: string,
  revision: text,
  defaultRevision: unused('set values.revisionTags: [default]'),
  compatibilityVersion: unused('there is one behaviour, that of the pinned Istio API'),
  meshConfig: { type: 'lazy', of: () => protoSchema(MeshConfigSchema) },
  components: object({
    base: object({ enabled: boolean, k8s: overlaysOnly }),
    pilot: object(component),
    cni: object(component),
    ztunnel: object(component),
    istiodRemote: object({ enabled: boolean, namespace: string, k8s: remoteK8s }),
    ingressGateways: list(gateway),
    egressGateways: list(gateway),
  }),
  values: valuesSchema,
  unvalidatedValues: unused('there are no charts that would read them'),
});

const documentSchema: Schema = object({
  apiVersion: string,
  kind: string,
  metadata: any,
  spec: specSchema,
  status: any,
});

/** All problems of one document, each with path and line. */
export function checkDocument(document: OperatorDocument): InstallProblem[] {
  const { source, value } = document;
  const kind = textAt(value, 'kind');
  if (kind !== 'IstioOperator') {
    const found = kind ? `kind is ${kind}` : 'kind is missing';
    const message = `${found}; only IstioOperator documents can be installed (kubectl apply takes other kinds)`;
    return [
      { code: 'not-an-operator', severity: 'error', path: 'kind', source, line: document.lineOf(['kind']), message },
    ];
  }
  const version = textAt(value, 'apiVersion');
  const problems: InstallProblem[] = [];
  if (version !== 'install.istio.io/v1alpha1') {
    const message = `is ${JSON.stringify(version)}; it must be install.istio.io/v1alpha1`;
    problems.push({
      code: 'bad-value',
      severity: 'error',
      path: 'apiVersion',
      source,
      line: document.lineOf(['apiVersion']),
      message,
    });
  }
  for (const { path, ...deviation } of check(value, documentSchema)) {
    problems.push({ ...deviation, path: showPath(path), source, line: document.lineOf(path) });
  }
  return problems;
}

/**
 * Checks one flag and gives its value the type that the field wants: `--set revision=1` is the text "1". Problems carry
 * the flag as their source.
 */
export function checkSetFlag(
  flag: SetFlag,
  source: string,
): { readonly flag: SetFlag; readonly problems: InstallProblem[] } {
  const schema = schemaAt(specSchema, flag.path);
  const value = typed(flag, schema);
  const checked = check(wrap(flag.path, value), specSchema, ['spec']);
  return {
    flag: { ...flag, value },
    problems: checked.map(({ path, ...deviation }) => ({ ...deviation, path: showPath(path), source })),
  };
}

function typed({ text: raw, value }: SetFlag, schema: Schema | undefined): Json {
  const wantsText = schema?.type === 'string' || schema?.type === 'enum' || schema?.type === 'text';
  return wantsText && value !== null ? raw : value;
}

/** A value that has only this path, to be checked as a document would be. */
function wrap(path: readonly PathStep[], value: Json): Json {
  return path.reduceRight<Json>((inner, step) => {
    if (typeof step !== 'number') return { [step]: inner };
    const items: Json[] = Array.from({ length: step }, () => null);
    return [...items, inner];
  }, value);
}
