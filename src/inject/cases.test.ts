// The reference implementation's injection cases, compared by meaning. Every *.injected file is run; see `settingsOf`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { defaultInjectorConfig } from './config.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { isObject } from './json.ts';
import { parseMesh } from './mesh.ts';
import { differences, normalize } from './normalize.testkit.ts';
import { injectResource, podTemplatesOf, type ResourceSettings } from './resources.ts';
import { parseValues } from './values.ts';

const checkout = join(dirname(fileURLToPath(import.meta.url)), '../..');
const directory = join(process.env.ISTHMUS_PEER_DATA ?? join(checkout, '../shared/peer-data'), 'inject');
const present = existsSync(directory);
const files = present ? readdirSync(directory).sort() : [];

/** The installation that the reference answers come from. */
const BASE_VALUES = { global: { hub: 'registry.istio.io/testing', tag: 'latest', proxy: { image: 'proxyv2' } } };

/** Templates and values as the reference installs them: a test of the Go template engine by 500 lines that others wrote. */
interface Installation {
  readonly templates: Readonly<Record<string, string>>;
  readonly values: JsonObject;
}

function referenceInstallation(): Installation {
  const file = join(directory, '../manifest/output/sidecar_template.golden.yaml');
  const { data } = parse(readFileSync(file, 'utf8')) as { data: { config: string; values: string } };
  const { sidecar, gateway } = (parse(data.config) as { templates: Record<string, string> }).templates;
  return { templates: { sidecar: sidecar!, gateway: gateway! }, values: JSON.parse(data.values) as JsonObject };
}

const reference = present ? referenceInstallation() : undefined;

interface Setting {
  /** Input file, where it is not the answer's name without `.injected`. */
  readonly input?: string;
  readonly values?: JsonObject;
  /** IstioOperator with values, where it is not named like the case. */
  readonly operator?: string;
  readonly mesh?: JsonObject;
  readonly native?: boolean;
  /** Custom templates of the installation. */
  readonly templates?: Readonly<Record<string, string>>;
}

const cni = (provider: string) => ({ pilot: { cni: { enabled: true, provider } } });
const proxy = (values: JsonObject) => ({ global: { proxy: values } });
/** `hello.yaml` is not among the inputs; the input for core dumps has the same content. */
const HELLO = 'enable-core-dump.yaml';
const STATUS_PARAMS = proxy({
  statusPort: 123,
  readinessInitialDelaySeconds: 100,
  readinessPeriodSeconds: 200,
  readinessFailureThreshold: 300,
});

/** What the reference's own test sets for a case beyond the defaults. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  'hello-always.yaml': { input: HELLO, values: { global: { imagePullPolicy: 'Always' } } },
  'hello-never.yaml': { input: HELLO, values: { global: { imagePullPolicy: 'Never' } } },
  'hello-cncf-networks.yaml': { input: HELLO, values: cni('multus') },
  'hello-existing-cncf-networks.yaml': { values: cni('multus') },
  'hello-mount-mtls-certs.yaml': { input: HELLO, values: { global: { mountMtlsCerts: true } } },
  'hello-old-version.yaml': { input: HELLO, native: false },
  'job-old-version.yaml': { native: false },
  'statefulset-old-version.yaml': { native: false },
  'hello-template-in-values.yaml': { input: HELLO },
  'hello-otel-semconv.yaml': {
    mesh: {
      extensionProviders: [
        { name: 'otel', opentelemetry: { serviceAttributeEnrichment: 'OTEL_SEMANTIC_CONVENTIONS' } },
      ],
    },
  },
  'hello-probes.proxyHoldsApplication.yaml': {
    input: 'hello-probes.yaml',
    values: proxy({ holdApplicationUntilProxyStarts: true }),
  },
  'hello-probes-noProxyHoldApplication-ProxyConfig.yaml': { values: proxy({ holdApplicationUntilProxyStarts: true }) },
  'hello-probes-localhost.yaml': { mesh: { inboundTrafficPolicy: { mode: 'LOCALHOST' } } },
  'kubevirtInterfaces.yaml': { values: STATUS_PARAMS },
  'proxy-override-runas.yaml.cni': { input: 'proxy-override-runas.yaml', values: cni('default') },
  'proxy-override-runas.yaml.tproxy': {
    input: 'proxy-override-runas.yaml',
    mesh: { defaultConfig: { interceptionMode: 'TPROXY' } },
  },
  'traffic-annotations.yaml': {
    mesh: {
      defaultConfig: { proxyMetadata: { ISTIO_META_TLS_CLIENT_KEY: '/etc/identity/client/keys/client-key.pem' } },
    },
  },
  'traffic-params.yaml': {
    values: proxy({
      includeIPRanges: '127.0.0.1/24,10.96.0.1/24',
      excludeIPRanges: '10.96.0.2/24,10.96.0.3/24',
      excludeInboundPorts: '4,5,6',
      statusPort: 0,
    }),
  },
  'proxy-resources-null-no-init.yaml': { operator: 'proxy-resources-null.iop.yaml' },
  'sidecar-spire.yaml': {
    templates: {
      spire: `
spec:
  containers:
  - name: istio-proxy
    volumeMounts:
    - name: workload-socket
      mountPath: /var/run/secrets/workload-spiffe-uds
      readOnly: true
  volumes:
  - name: workload-socket
    csi:
      driver: csi.spiffe.io
      readOnly: true
`,
    },
  },
};

/** Answers whose inputs are not part of the data: only injected again. */
const WITHOUT_INPUT = ['job-old-version.yaml', 'statefulset-old-version.yaml'];

/** Where we differ on purpose: differences that must be there, exactly, and why. */
const BY_DESIGN: Readonly<Record<string, { readonly why: string; readonly paths: readonly RegExp[] }>> = {
  'sidecar-spire.yaml': {
    why: 'a template that only adds to the proxy follows it to the init containers; the reference makes a second proxy without an image, which Kubernetes refuses',
    paths: [/containers\.istio-proxy/, /initContainers\.istio-proxy\.volumeMounts/, /sidecar\.istio\.io\/status/],
  },
};

describe.skipIf(!present)('injection gives what the reference gives', () => {
  const answers = files.filter((file) => file.endsWith('.injected'));

  it('has cases', () => expect(answers.length).toBeGreaterThan(50));

  for (const answer of answers) {
    const name = answer.replace(/\.injected$/, '');
    const setting = SETTINGS[name] ?? {};
    const input = setting.input ?? name;
    if (!files.includes(input)) continue;
    it.each([
      ['our templates', undefined],
      ["the reference's templates, by our engine", reference],
    ])(`${name} with %s`, (_, installation) => {
      const settings = settingsOf(name, setting, installation);
      const given = documents(input).map((document) => injectResource(document, settings));
      for (const result of given) for (const outcome of result.outcomes) expect(errors(outcome.problems)).toEqual([]);
      expectSame(
        name,
        given.map((result) => result.object),
        documents(answer),
      );
    });
  }

  for (const answer of answers) {
    const name = answer.replace(/\.injected$/, '');
    // An answer that we mean to differ from cannot stay the same.
    if (BY_DESIGN[name]) continue;
    it(`${name}, injected by the reference before, is understood and stays the same`, () => {
      const settings = settingsOf(name, SETTINGS[name] ?? {});
      const again = documents(answer).map((document) => injectResource(document, settings).object);
      expectSame(name, again, documents(answer));
    });
  }

  for (const input of files.filter((file) => file.includes('-bad-'))) {
    it(`${input} is refused with the annotation's name`, () => {
      const word = input
        .replace(/^.*-bad-/, '')
        .replace('.yaml', '')
        .replace('ip', 'outboundip');
      const result = injectResource(documents(input)[0], settingsOf(input, {}));
      expect(result.object).toEqual(documents(input)[0]);
      const messages = errors(result.outcomes[0]!.problems).map((message) => message.toLowerCase());
      expect(messages).toHaveLength(1);
      expect(messages[0]).toContain(word);
    });
  }

  it('leaves out only answers whose input is not part of the data', () => {
    const missing = answers
      .map((answer) => answer.replace(/\.injected$/, ''))
      .filter((name) => !files.includes(SETTINGS[name]?.input ?? name));
    expect(missing.sort()).toEqual(WITHOUT_INPUT);
  });
});

function expectSame(name: string, found: readonly unknown[], wanted: readonly unknown[]): void {
  const pods = (objects: readonly unknown[]) => objects.flatMap(podTemplatesOf).map(normalize) as JsonValue[];
  expect(pods(found).length).toBe(pods(wanted).length);
  const paths = differences(pods(found), pods(wanted));
  const design = BY_DESIGN[name]?.paths ?? [];
  expect(paths.filter((path) => !design.some((pattern) => pattern.test(path)))).toEqual([]);
  for (const pattern of design) expect(paths.some((path) => pattern.test(path))).toBe(true);
}

function documents(file: string): unknown[] {
  return parseAllDocuments(readFileSync(join(directory, file), 'utf8'))
    .map((document) => document.toJS() as unknown)
    .filter((document) => document !== null && document !== undefined);
}

function settingsOf(name: string, setting: Setting, installation?: Installation): ResourceSettings {
  const file = setting.operator ?? name.replace(/\.yaml$/, '.iop.yaml');
  const operator = files.includes(file)
    ? (parse(readFileSync(join(directory, file), 'utf8')).spec.values as JsonObject)
    : {};
  const values = parseValues([installation?.values ?? {}, BASE_VALUES, operator, setting.values ?? {}].reduce(deep));
  const mesh = parseMesh(setting.mesh ?? {});
  expect([...values.problems, ...mesh.problems]).toEqual([]);
  const templates = values.values.sidecarInjectorWebhook.templates as Readonly<Record<string, string>>;
  return {
    config: { ...defaultInjectorConfig, templates: { ...installation?.templates, ...templates, ...setting.templates } },
    values: values.values,
    mesh: mesh.mesh,
    revision: 'default',
    cluster: { nativeSidecars: setting.native ?? true },
    namespace: 'default',
  };
}

function deep(a: JsonObject, b: JsonObject): JsonObject {
  const result: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    result[key] = isObject(value) && isObject(result[key]) ? deep(result[key] as JsonObject, value) : value;
  }
  return result as JsonObject;
}

function errors(problems: readonly { severity: string; message: string }[]): string[] {
  return problems.filter((problem) => problem.severity === 'error').map((problem) => problem.message);
}
