// Every place of a pod, replaced by every kind of nonsense: injection answers, it does not throw.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultInjectorConfig } from './config.ts';
import { defaultMesh } from './defaults.ts';
import { inject } from './inject.ts';
import type { JsonValue } from './json.ts';
import { isObject } from './json.ts';
import type { Pod } from './pod.ts';
import { answerInjection, type InjectionContext } from './review.ts';
import { parseValues } from './values.ts';
import { readDocuments } from './yaml.ts';

const settings = {
  config: defaultInjectorConfig,
  values: parseValues({}).values,
  mesh: defaultMesh,
  revision: '',
};
const context: InjectionContext = { ...settings, nativeSidecars: () => true };
const file = join(import.meta.dirname, '../../testdata/inject/everything/input.yaml');
const fresh = readDocuments(readFileSync(file, 'utf8'))[0]!.toJS() as Pod;
const customised: Pod = {
  ...fresh,
  spec: {
    ...fresh.spec,
    containers: [...fresh.spec!.containers!, { name: 'istio-proxy', image: 'auto', args: ['x'] }],
  },
};
const injected = inject({
  ...settings,
  pod: customised,
  namespace: { name: 'x' },
  cluster: { nativeSidecars: true },
}).pod;

const NONSENSE: readonly JsonValue[] = [null, 3, 'x', [], [null], { constructor: 1, name: 'n' }, '{"containers":[{}]}'];

describe.each([
  ['a pod', customised],
  ['an injected pod', injected],
])('%s with nonsense anywhere', (_, pod) => {
  it('is answered', () => {
    expect(injected.metadata?.annotations?.['sidecar.istio.io/status']).toBeDefined();
    const outcomes = new Set<string>();
    for (const path of pathsOf(pod as JsonValue)) {
      for (const nonsense of NONSENSE) {
        const object = replaced(pod as JsonValue, path, nonsense);
        const request = { uid: 'u', kind: { kind: 'Pod' }, namespace: 'shop', object };
        const body = Buffer.from(
          JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }),
        );
        const answer = answerInjection({ body, path: '/inject' }, context);
        const { response } = JSON.parse(answer.body);
        expect(response.allowed || response.status.message !== '', path.join('.')).toBe(true);
        outcomes.add(answer.outcome);
      }
    }
    expect([...outcomes]).toEqual(expect.arrayContaining(['denied', 'patched']));
  });
});

function pathsOf(value: JsonValue, path: readonly string[] = []): string[][] {
  const here = path.length > 0 ? [[...path]] : [];
  if (!isObject(value) && !Array.isArray(value)) return here;
  // Items of a list are alike: the first and the last stand for the others.
  const entries = Object.entries(value).filter(
    (_, at, all) => !Array.isArray(value) || at === 0 || at === all.length - 1,
  );
  return [...here, ...entries.flatMap(([key, item]) => pathsOf(item as JsonValue, [...path, key]))];
}

function replaced(value: JsonValue, [step, ...rest]: readonly string[], by: JsonValue): JsonValue {
  if (step === undefined) return by;
  if (Array.isArray(value)) return value.with(Number(step), replaced(value[Number(step)], rest, by));
  const object = value as Record<string, JsonValue>;
  return { ...object, [step]: replaced(object[step]!, rest, by) };
}
