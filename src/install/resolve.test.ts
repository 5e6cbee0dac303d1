import { describe, expect, it } from 'vitest';
import { textAt } from './json.ts';
import { type InstallInputs, resolve } from './resolve.ts';

const head = 'apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\n';
const from = (text: string, more: Partial<InstallInputs> = {}) =>
  resolve({ files: [{ name: 'a.yaml', text }], ...more });
const seen = (text: string, more: Partial<InstallInputs> = {}) => {
  const { installation, problems } = from(text, more);
  return { installation, problems: problems.map(({ code, path, line, severity }) => [severity, code, path, line]) };
};

describe('bad input', () => {
  it('lists every problem with path and line, and yields no installation', () => {
    const text = `${head}metadata:
  name: broken
spec:
  profil: default
  meshConfig:
    acessLogFile: /dev/stdout
    enableTracing: 1
  components:
    pilot:
      enabled: "yes"
      k8s:
        replicaCount: -1
        resources:
          requests:
            memory: lots
    ingressGateways:
      - name: gw
        enabled: true
        k8s:
          service:
            ports:
              - name: http
                port: 80800
              - name: http
                port: 81
      - name: gw
        enabled: true
  values:
    global:
      network: 1
      proxy:
        logLevel: loud
`;
    const { installation, problems } = seen(text);
    expect(installation).toBeUndefined();
    expect(problems).toEqual([
      ['error', 'unknown-field', 'spec.profil', 6],
      ['error', 'unknown-field', 'spec.meshConfig.acessLogFile', 8],
      ['error', 'wrong-type', 'spec.meshConfig.enableTracing', 9],
      ['error', 'wrong-type', 'spec.components.pilot.enabled', 12],
      ['error', 'bad-value', 'spec.components.pilot.k8s.replicaCount', 14],
      ['error', 'bad-value', 'spec.components.pilot.k8s.resources.requests.memory', 17],
      ['error', 'bad-port', 'spec.components.ingressGateways[0].k8s.service.ports[0].port', 25],
      ['error', 'wrong-type', 'spec.values.global.network', 32],
      ['error', 'bad-value', 'spec.values.global.proxy.logLevel', 34],
      ['error', 'duplicate-gateway', 'spec.components.ingressGateways[1].name', 28],
      ['error', 'bad-port', 'spec.components.ingressGateways[0].k8s.service.ports[1]', 26],
    ]);
  });

  it('suggests the field that was meant and how to write a text', () => {
    const { problems } = from(`${head}spec:\n  profil: x\n  values:\n    global:\n      network: 1\n`);
    expect(problems[0]?.message).toContain('did you mean profile?');
    expect(problems[1]?.message).toContain('in quotes: "1"');
  });

  it('says what is wrong with YAML, other kinds and other versions', () => {
    expect(seen('a: [1').problems[0]).toEqual(['error', 'yaml-syntax', '', 1]);
    expect(seen('kind: Service\n').problems[0]).toEqual(['error', 'not-an-operator', 'kind', 1]);
    expect(seen('- a\n').problems[0]?.[1]).toBe('not-an-operator');
    expect(seen('# nothing\n---\n').problems).toEqual([['error', 'empty-input', '', undefined]]);
    expect(seen('apiVersion: v2\nkind: IstioOperator\n').problems[0]).toEqual(['error', 'bad-value', 'apiVersion', 1]);
    expect(seen(`${head}spec:\n  a: 1\n  a: 2\n`).problems[0]?.[1]).toBe('yaml-syntax');
  });

  it('refuses unknown profiles and components this mesh does not have', () => {
    expect(seen(`${head}spec:\n  profile: defualt\n`).problems).toEqual([
      ['error', 'unknown-profile', 'spec.profile', 4],
    ]);
    const cni = seen(`${head}spec:\n  components:\n    cni:\n      enabled: true\n`);
    expect(cni.problems).toEqual([['error', 'missing-component', 'spec.components.cni.enabled', 6]]);
  });

  it('wants an address for a remote cluster, and an address only', () => {
    const remote = (address: string) =>
      seen(`${head}spec:\n  profile: remote\n  values:\n    global:\n      remotePilotAddress: ${address}\n`).problems;
    expect(remote('""')).toEqual([['error', 'missing-address', 'spec.values.global.remotePilotAddress', 4]]);
    expect(remote('https://host:15012')[0]?.[1]).toBe('bad-value');
    expect(remote('"10.0.0.300"')[0]?.[1]).toBe('bad-value');
    expect(remote('10.0.0.3')).toEqual([]);
    expect(remote('istiod.example.com')).toEqual([]);
    expect(remote('fd00::1')).toEqual([]);
  });

  it('warns of what is known but does nothing here', () => {
    const { installation, problems } = seen(
      `${head}spec:\n  values:\n    global:\n      sts:\n        servicePort: 1\n`,
    );
    expect(installation).toBeDefined();
    expect(problems).toEqual([['warning', 'unused-field', 'spec.values.global.sts', 6]]);
  });

  it('checks --set like a document and names the flag', () => {
    const { installation, problems } = resolve({
      files: [],
      sets: ['meshConfig.nope=1', 'nonsense', 'components.ingressGateways[7].name=x'],
    });
    expect(installation).toBeUndefined();
    expect(problems.map(({ source, code }) => [source, code])).toEqual([
      ['--set meshConfig.nope=1', 'unknown-field'],
      ['--set nonsense', 'set-flag'],
      ['--set components.ingressGateways[7].name=x', 'set-flag'],
    ]);
  });
});

describe('merging', () => {
  it('lays documents in order, then --set, then --revision', () => {
    const document = (network: string) => ({
      name: network,
      text: `${head}spec:\n  values:\n    global:\n      network: ${network}\n      meshID: m-${network}\n`,
    });
    const { installation } = resolve({
      files: [document('one'), document('two')],
      sets: ['values.global.network=three'],
      revision: 'canary',
    });
    expect(textAt(installation!.values, 'global.network')).toBe('three');
    expect(textAt(installation!.values, 'global.meshID')).toBe('m-two');
    expect(installation!.revision).toBe('canary');
  });

  it('takes the text of a flag where the field is a text', () => {
    const { installation, problems } = resolve({
      files: [],
      sets: ['revision=1', 'values.global.network=5', 'tag=1.2'],
    });
    expect(problems).toEqual([]);
    expect(installation!.revision).toBe('1');
    expect(installation!.values).toMatchObject({ global: { network: '5' } });
  });

  it('lets --set choose the profile', () => {
    const { installation } = resolve({ files: [], sets: ['profile=empty'] });
    expect(installation!.spec.components).toMatchObject({ pilot: { enabled: false }, base: { enabled: false } });
  });

  it('treats empty documents and keys without value as not said', () => {
    const { installation, problems } = from(`---\n${head}spec:\n  components:\n  values:\n---\n`);
    expect(problems).toEqual([]);
    expect(textAt(installation!.values, 'global.proxy.image')).toBe('proxy');
    expect(installation!.owner).toBe('unknown');
  });

  it('knows who owns what by the name of the document', () => {
    expect(from(`${head}metadata:\n  name: eastwest\nspec:\n  profile: empty\n`).installation!.owner).toBe('eastwest');
  });

  it('treats revision default as the one without a name', () => {
    expect(resolve({ files: [], revision: 'default' }).installation!.revision).toBe('');
  });
});
