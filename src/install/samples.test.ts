// The manifests of the guide: what they select, and that the API and the installer accept them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { kindOf } from '../kinds/registry.ts';
import { listAt, type Manifest, objectAt } from './json.ts';
import { resolve } from './resolve.ts';

const samples = join(import.meta.dirname, '../../samples');
const read = (file: string) =>
  parseAllDocuments(readFileSync(join(samples, file), 'utf8')).map((d) => d.toJS() as Manifest);
const script = (args: string[], env: Record<string, string> = {}) =>
  execFileSync(join(samples, 'multicluster/gen-eastwest-gateway.sh'), args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  });

describe('gen-eastwest-gateway.sh', () => {
  const usual = ['--mesh', 'mesh1', '--cluster', 'cluster1', '--network', 'network1'];
  const spec = (text: string) => {
    const { installation, problems } = resolve({ files: [{ name: '-', text }] });
    expect(problems).toEqual([]);
    return installation!;
  };

  it('prints what testdata/install/eastwest.yaml holds, by flags and by environment', () => {
    const golden = readFileSync(join(samples, '../testdata/install/eastwest.yaml'), 'utf8');
    expect(script(usual)).toBe(golden);
    expect(script(['--mesh=mesh1', '--cluster=cluster1', '--network=network1'])).toBe(golden);
    expect(script([], { MESH: 'mesh1', CLUSTER: 'cluster1', NETWORK: 'network1' })).toBe(golden);
  });
  it('knows revisions, and clusters that are alone', () => {
    expect(spec(script([...usual, '--revision', '1-2'])).revision).toBe('1-2');
    const alone = spec(script(['--single-cluster']));
    expect(alone.owner).toBe('eastwest');
    expect(script(['--single-cluster'])).not.toMatch(/network|meshID|clusterName/);
  });
  it('keeps names that look like numbers texts', () => {
    const { values } = spec(script(['--mesh', '1', '--cluster', '2', '--network', '3']));
    expect(values.global).toMatchObject({ meshID: '1', network: '3', multiCluster: { clusterName: '2' } });
  });
  it.each([[[]], [['--mesh', 'm', '--cluster', 'c']], [['--mesh']], [[...usual, '--nope', 'x']]])(
    'refuses %j and prints no document',
    (args) => {
      let out = 'nothing thrown';
      try {
        script(args);
      } catch (error) {
        out = String((error as { stdout: string }).stdout);
      }
      expect(out).toBe('');
    },
  );
});

it.each(['multicluster/expose-istiod.yaml', 'multicluster/expose-services.yaml'])(
  '%s is valid and stands in istio-system whatever -n says',
  (file) => {
    for (const object of read(file)) {
      expect(object.metadata.namespace).toBe('istio-system');
      expect(kindOf(object.apiVersion, object.kind)?.validate(object)).toEqual([]);
    }
  },
);

it('each cluster can take its own version of helloworld', () => {
  const objects = read('helloworld/helloworld.yaml');
  const labelled = (key: string, value: string) =>
    objects.filter((object) => objectAt(object, 'metadata.labels')[key] === value);
  expect(labelled('service', 'helloworld').map(({ kind }) => kind)).toEqual(['Service']);
  for (const version of ['v1', 'v2']) {
    const [deployment, ...more] = labelled('version', version);
    expect([deployment!.kind, deployment!.metadata.name, more]).toEqual(['Deployment', `helloworld-${version}`, []]);
    expect(objectAt(deployment, 'spec.template.metadata.labels')).toEqual({ app: 'helloworld', version });
  }
  expect(listAt(labelled('service', 'helloworld')[0], 'spec.ports')).toEqual([{ name: 'http', port: 5000 }]);
});
