// The reference's rendered manifests against ours: kinds, names, and every field, except for what differs by design.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { generate } from './generate.ts';
import type { Manifest } from './json.ts';
import { resolve } from './resolve.ts';

const root = process.env.ISTHMUS_PEER_DATA ?? join(import.meta.dirname, '../../../shared/peer-data');
const data = join(root, 'manifest');
const present = existsSync(data);

/** Output file ← input file and flags. Outputs whose input is not part of the data say their flags alone. */
const CASES: readonly { readonly output: string; readonly input?: string; readonly sets?: readonly string[] }[] = [
  { output: 'pilot_override_kubernetes', input: 'pilot_override_kubernetes' },
  { output: 'pilot_env_var_from', input: 'pilot_env_var_from' },
  { output: 'pilot_disable_tracing', input: 'pilot_disable_tracing' },
  { output: 'networkpolicy_enabled', input: 'networkpolicy_enabled' },
  { output: 'flag_values_enable_egressgateway', sets: ['values.gateways.istio-egressgateway.enabled=true'] },
  { output: 'helm_values_enablement', sets: ['values.gateways.istio-egressgateway.enabled=true'] },
  { output: 'flag_output_set_values', sets: ['values.global.proxy.image=mynewproxy'] },
  {
    output: 'pilot_merge_meshconfig',
    sets: [
      'meshConfig.rootNamespace=istio-control',
      'meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY',
      'meshConfig.defaultConfig.discoveryAddress=my-discovery:123',
      'meshConfig.defaultConfig.drainDuration=12s',
      'meshConfig.defaultConfig.controlPlaneAuthPolicy=NONE',
      'meshConfig.accessLogFormat={\n  "key": "val"\n}\n',
    ],
  },
  {
    output: 'install_package_path',
    sets: ['hub=registry.istio.io/release', 'tag=1.1.4'],
  },
];

/** Where we differ on purpose: path pattern → why. */
const BY_DESIGN: readonly (readonly [RegExp, string])[] = [
  [/labels\.(app\.kubernetes\.io|helm\.sh|chart|heritage)/, 'no Helm charts here'],
  [/resources\.requests\.memory$/, 'our control plane needs less'],
  [
    /env\.(GOMAXPROCS|GOMEMLIMIT|CA_TRUSTED_NODE_ACCOUNTS|PLATFORM|KUBECONFIG)\b/,
    'Go, ztunnel and external control planes',
  ],
  [
    /(volumes|volumeMounts)\.(istio-kubeconfig|istio-csr-.*|config-volume|.*gateway-(ca-)?certs|podinfo)\b/,
    'unused or named as in sidecars',
  ],
  [/podSelector\b/, 'the same pods'],
  [/ports\.15011\b/, 'a port of releases long gone'],
  [/tolerations\.cni\.istio\.io/, 'no CNI plugin that would taint nodes'],
  [/affinity\.nodeAffinity/, 'nulls that a chart leaves'],
  [/metadata\.annotations$/, 'nulls that a chart leaves'],
];

const text = (path: string) => readFileSync(join(data, path), 'utf8');

describe.skipIf(!present)(`manifests of the reference (${present ? data : `${data} is absent`})`, () => {
  for (const { output, input, sets } of CASES) {
    it(output, () => {
      const files = input ? [{ name: input, text: text(`input/${input}.yaml`) }] : [];
      const { installation, problems } = resolve({ files, sets });
      expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
      const ours = generate({ installation: installation!, crds: [] }).components.flatMap(({ objects }) => objects);
      const expected = parseAllDocuments(text(`output/${output}.golden.yaml`)).map((d) => d.toJS() as Manifest | null);
      const differences = expected
        .filter((object): object is Manifest => object !== null)
        .flatMap((theirs) => {
          const id = (o: Manifest) => `${o.kind} ${o.metadata.namespace ?? ''}/${o.metadata.name}`;
          const mine = ours.find((object) => id(object) === id(theirs));
          return mine ? missingFrom(theirs, mine, id(theirs)) : [`${id(theirs)} is not generated`];
        })
        .filter((line) => !BY_DESIGN.some(([pattern]) => pattern.test(line.split(' = ')[0]!)));
      expect(differences).toEqual([]);
    });
  }

  it('all_off generates nothing', () => {
    const { installation } = resolve({ files: [{ name: 'all_off', text: text('input/all_off.yaml') }] });
    expect(generate({ installation: installation!, crds: [] }).components).toEqual([]);
  });

  it.each(['istio-cni', 'istio-cni_tolerations', 'ztunnel', 'ztunnel_tolerations', 'component_hub_tag'])(
    '%s asks for what this mesh does not have and is refused',
    (name) => {
      const { installation, problems } = resolve({ files: [{ name, text: text(`input/${name}.yaml`) }] });
      expect(installation).toBeUndefined();
      expect(problems.map(({ code }) => code)).toContain('missing-component');
    },
  );

  it('invalid-k8s-values names the field and its line', () => {
    const { problems } = resolve({ files: [{ name: 'f', text: text('input/invalid-k8s-values.yaml') }] });
    expect(problems).toMatchObject([
      { code: 'unknown-field', path: 'spec.values.global.defaultTolerations[0].thats', line: 9, severity: 'error' },
    ]);
  });
});

/** What `theirs` says and `ours` does not, one line each. Lists of named things are compared by name. */
function missingFrom(theirs: unknown, ours: unknown, path: string): string[] {
  if (Array.isArray(theirs)) {
    if (theirs.length === 0) return [];
    const key = ['name', 'key', 'mountPath'].find((k) => theirs.every((item) => item?.[k] !== undefined));
    const byPort = !key && theirs.every((item) => item?.port !== undefined || item?.containerPort !== undefined);
    if (!key && !byPort && path.endsWith('ingress')) return missingFrom(ports(theirs), ports(ours), `${path}.ports`);
    const list = Array.isArray(ours) ? ours : [];
    const idOf = (item: Record<string, unknown>, i: number) =>
      String(key ? item[key] : byPort ? (item.port ?? item.containerPort) : i);
    return theirs.flatMap((item, i) => {
      const same =
        key || byPort ? list.find((o: Record<string, unknown>, j: number) => idOf(o, j) === idOf(item, i)) : list[i];
      return missingFrom(item, same, `${path}.${key || byPort ? idOf(item, i) : i}`);
    });
  }
  if (typeof theirs === 'object' && theirs !== null) {
    const mine = (typeof ours === 'object' && ours !== null ? ours : {}) as Record<string, unknown>;
    return Object.entries(theirs).flatMap(([key, value]) => missingFrom(value, mine[key], `${path}.${key}`));
  }
  if (path.endsWith('data.mesh')) return missingFrom(yaml(theirs), yaml(ours), `${path}.parsed`);
  if (path.endsWith('data.meshNetworks')) return missingFrom(yaml(theirs), yaml(ours), `${path}.parsed`);
  if (path.endsWith('.image')) return missingFrom({ inOurHub: inOurHub(String(theirs)) }, { inOurHub: ours }, path);
  return String(theirs) === String(ours) ? [] : [`${path} = ${JSON.stringify(theirs)}, ours ${JSON.stringify(ours)}`];
}

/** Default hub and image names are ours; what an input asks for must come out as it is. */
function inOurHub(image: string): string {
  return image.replace('registry.istio.io/testing/', 'isthmus/').replace('/proxyv2:', '/proxy:');
}

function yaml(value: unknown): unknown {
  return parseAllDocuments(String(value))[0]?.toJS();
}

/** All ports of NetworkPolicy rules, whatever rule they are in. */
function ports(rules: unknown): Record<string, boolean> {
  const list = Array.isArray(rules) ? (rules as { ports?: { port: number }[] }[]) : [];
  return Object.fromEntries(list.flatMap((rule) => (rule.ports ?? []).map(({ port }) => [port, true])));
}
