// What injection makes of the golden inputs is accepted by a real API server, which checks every field strictly.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { labDown, labUp } from '../../lab/api.ts';
import { labUnavailableReason } from '../../lab/available.ts';
import { kubeconfigPath } from '../../lab/paths.ts';
import { parseInjectorConfig } from '../../src/inject/config.ts';
import type { JsonObject } from '../../src/inject/json.ts';
import { parseMesh } from '../../src/inject/mesh.ts';
import type { Pod } from '../../src/inject/pod.ts';
import { injectResource, podTemplatesOf } from '../../src/inject/resources.ts';
import { parseValues } from '../../src/inject/values.ts';
import { readDocuments } from '../../src/inject/yaml.ts';
import { loadKubeconfig } from '../../src/k8s/kubeconfig.ts';
import { type ApiClient, createApiClient } from '../../src/k8s/rest.ts';

const reason = labUnavailableReason();
const name = 't-inject';
const goldens = join(import.meta.dirname, '../../testdata/inject');
const PODS = '/api/v1/namespaces/default/pods';

describe.skipIf(reason)(`injected pods${reason ? ` (${reason})` : ''}`, () => {
  let api: ApiClient;

  /** Asks the API server for a pod without keeping it. Rejects with what the server has against it. */
  const tryPod = (pod: Pod) =>
    api.request<{ spec: { containers: JsonObject[]; initContainers?: JsonObject[] } }>({
      method: 'POST',
      path: PODS,
      query: { dryRun: 'All', fieldValidation: 'Strict' },
      body: { apiVersion: 'v1', kind: 'Pod', ...standalone(pod) },
    });

  beforeAll(async () => {
    await labDown(name);
    const plan = await labUp({ name, clusters: 1 });
    const { access } = await loadKubeconfig(kubeconfigPath(plan.dir), 'cluster1');
    api = createApiClient({ cluster: 'cluster1', access: access! });
    const account = { path: '/api/v1/namespaces/default/serviceaccounts/default' };
    await vi.waitFor(() => api.request(account), { timeout: 60_000, interval: 200 });
  }, 180_000);

  afterAll(async () => {
    api?.[Symbol.dispose]();
    await labDown(name);
  }, 60_000);

  test('the server refuses what is wrong', async () => {
    const spec = { containers: [{ name: 'a', image: 'b', imagee: 'c' }] };
    await expect(tryPod({ metadata: { name: 'wrong' }, spec })).rejects.toThrow(/imagee/);
  });

  for (const golden of readdirSync(goldens).filter((entry) => entry !== 'skipped')) {
    test.each([
      [golden, 'native', true],
      [golden, 'plain', false],
    ])('%s, %s sidecar', async (_, __, nativeSidecars) => {
      const documents = readDocuments(readFileSync(join(goldens, golden, 'input.yaml'), 'utf8'));
      const given = settingsOf(golden);
      const settings = {
        config: parseInjectorConfig(given.config).config,
        values: parseValues(given.values).values,
        mesh: parseMesh(given.mesh).mesh,
        revision: '',
        namespace: 'default',
        cluster: { nativeSidecars },
      };
      const pods = documents.flatMap((document) => podTemplatesOf(injectResource(document.toJS(), settings).object));
      expect(pods.length).toBeGreaterThan(0);
      for (const pod of pods) {
        const { spec } = await tryPod(pod);
        const names = [...spec.containers, ...(spec.initContainers ?? [])].map((container) => container.name);
        expect(names).toContain('istio-proxy');
      }
    });
  }
});

function settingsOf(golden: string): JsonObject {
  const file = join(goldens, golden, 'settings.yaml');
  return existsSync(file) ? (parse(readFileSync(file, 'utf8')) as JsonObject) : {};
}

/** A pod template as a pod that needs nothing else to exist. */
function standalone(pod: Pod): Pod {
  const { ownerReferences: _, generateName: __, ...metadata } = pod.metadata ?? {};
  return {
    metadata: { ...metadata, name: pod.metadata?.name ?? 'pod', namespace: 'default' },
    spec: { ...pod.spec, serviceAccountName: 'default' },
  };
}
