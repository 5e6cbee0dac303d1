import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type KubeInjectFlags, kubeInject } from './kube-inject.ts';

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web:1}]}\n';

let directory: string;
let server: Server | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kube-inject-'));
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(directory, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/** A stand-in for an API server: answers by path, 404 for all else. Gives a kubeconfig for it. */
async function cluster(answers: Readonly<Record<string, unknown>>): Promise<string> {
  server = createServer((request, response) => {
    const answer = answers[(request.url ?? '').split('?')[0]!];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { kind: 'Status', reason: 'NotFound', message: 'not found', code: 404 }));
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return file(
    'kubeconfig',
    JSON.stringify({
      'current-context': 'cluster1',
      contexts: [{ name: 'cluster1', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: url } }],
      users: [{ name: 'u', user: {} }],
    }),
  );
}

async function run(
  flags: Partial<KubeInjectFlags>,
): Promise<{ spec: { initContainers: { name: string; image: string }[]; containers: { name: string }[] } }> {
  const output = join(directory, 'out.yaml');
  await kubeInject({
    filename: file('in.yaml', POD),
    output,
    injectConfigMapName: 'istio-sidecar-injector',
    meshConfigMapName: 'istio',
    ...flags,
  });
  return parseAllDocuments(readFileSync(output, 'utf8'))[0]!.toJS();
}

const MAPS = '/api/v1/namespaces/istio-system/configmaps';
const node = (kubeletVersion: string) => ({ status: { nodeInfo: { kubeletVersion } } });
const injector = { data: { config: 'policy: disabled', values: '{"global":{"hub":"example.org","tag":"7"}}' } };
const mesh = { data: { mesh: 'trustDomain: my.domain' } };

describe('kube-inject', () => {
  it("uses a cluster's ConfigMaps, and its nodes for the kind of sidecar", async () => {
    const answers = { [`${MAPS}/istio-sidecar-injector`]: injector, [`${MAPS}/istio`]: mesh };
    const modern = await cluster({ ...answers, '/api/v1/nodes': { items: [node('v1.33.0'), node('v1.34.1')] } });
    const pod = await run({ kubeconfig: modern });
    expect(pod.spec.initContainers.map(({ name }) => name)).toEqual(['istio-init', 'istio-proxy']);
    expect(pod.spec.initContainers[1]?.image).toBe('example.org/proxy:7');
    expect(JSON.stringify(pod)).toContain('"TRUST_DOMAIN","value":"my.domain"');
    server?.close();
    const mixed = await cluster({ ...answers, '/api/v1/nodes': { items: [node('v1.33.0'), node('v1.31.0')] } });
    expect((await run({ kubeconfig: mixed })).spec.containers.map(({ name }) => name)).toEqual(['web', 'istio-proxy']);
  });

  it("goes by the API server's version when it may not see nodes, and by the revision's ConfigMaps", async () => {
    const answers = { [`${MAPS}/istio-sidecar-injector-canary`]: injector, [`${MAPS}/istio-canary`]: mesh };
    const kubeconfig = await cluster({ ...answers, '/version': { gitVersion: 'v1.35.0' } });
    const pod = await run({ kubeconfig, revision: 'canary' });
    expect(pod.spec.initContainers.map(({ name }) => name)).toContain('istio-proxy');
  });

  it('says which ConfigMap is missing where, and what to do', async () => {
    const kubeconfig = await cluster({});
    await expect(run({ kubeconfig })).rejects.toThrow(
      /cluster cluster1 has no ConfigMap istio-system\/istio-sidecar-injector; install/,
    );
  });

  it('needs no cluster with all three files', async () => {
    const files = {
      injectConfigFile: file('config', 'policy: enabled'),
      meshConfigFile: file('mesh', 'trustDomain: x'),
      valuesFile: file('values', '{}'),
    };
    expect((await run({ ...files, kubeconfig: '/nonexistent' })).spec.containers.map(({ name }) => name)).toEqual([
      'web',
      'istio-proxy',
    ]);
  });

  it('writes nothing and names all problems of configuration that is wrong', async () => {
    const files = {
      injectConfigFile: file('config', 'policy: sometimes'),
      meshConfigFile: file('mesh', 'trustDomain: [x]'),
      valuesFile: file('values', '{"global":{"proxy":{"privileged":"perhaps"}}}'),
    };
    const failure = run(files);
    await expect(failure).rejects.toThrow(
      /config\.policy[\s\S]*values\.global\.proxy\.privileged[\s\S]*mesh\.trustDomain/,
    );
    expect(() => readFileSync(join(directory, 'out.yaml'))).toThrow();
  });

  it('names the file that cannot be read', async () => {
    await expect(run({ filename: join(directory, 'nope.yaml') })).rejects.toThrow(/-f .*nope\.yaml: ENOENT/);
    await expect(run({ injectConfigFile: '/nope', meshConfigFile: '/nope', valuesFile: '/nope' })).rejects.toThrow(
      /--injectConfigFile \/nope/,
    );
  });
});
