// AuthorizationPolicies → filters, compared with the answers of the reference implementation where its cases are at hand.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  create,
  createRegistry,
  type DescMessage,
  fromJson,
  type JsonValue,
  type MessageShape,
  toJson,
} from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { FilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ExtAuthzSchema } from '../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { RBACSchema as HttpRbacSchema } from '../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { HttpFilterSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as TcpRbacSchema } from '../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { authorizationPolicy } from '../../ingest/authorization-policy.ts';
import { authorizationPolicyKind } from '../../kinds/authorization-policy.ts';
import { workloadAuthorization } from '../../view/authorization.ts';
import { httpAuthorization, tcpAuthorization } from './authorization.ts';
import type { ExtAuthzProvider } from './ext-authz.ts';

const dir = join(process.env.ISTHMUS_PEER_DATA ?? '../shared/peer-data', 'authz');
const registry = createRegistry(HttpRbacSchema, TcpRbacSchema, ExtAuthzSchema);

interface Case {
  readonly name: string;
  readonly kind: 'http' | 'tcp';
  readonly input: string;
  readonly expected: readonly string[];
  readonly meshConfig: string | null;
  readonly trustDomain: string | null;
  readonly trustDomainAliases: readonly string[];
}

const cases: Case[] = existsSync(dir) ? JSON.parse(readFileSync(join(dir, 'cases.json'), 'utf8')) : [];

describe.skipIf(cases.length === 0)(`the reference implementation's answers (${dir})`, () => {
  it.each(cases)('$kind $name', (one) => {
    expect(generated(one)).toEqual(one.expected.map((file) => expectedFilter(one.kind, file)));
  });
});

describe('namespaces and workloads', () => {
  const scope = { namespace: 'foo', labels: { app: 'a' }, rootNamespace: 'istio-system' };
  it('holds policies of the own and the root namespace whose selector fits', () => {
    const policies = [
      policy('foo', 'all', {}),
      policy('foo', 'mine', { selector: { matchLabels: { app: 'a' } } }),
      policy('foo', 'others', { selector: { matchLabels: { app: 'b' } } }),
      policy('bar', 'elsewhere', {}),
      policy('istio-system', 'mesh', {}),
    ];
    const names = workloadAuthorization(policies, scope).allow.map(({ source }) => source.name);
    expect(names).toEqual(['all', 'mesh', 'mine']);
  });

  it('refuses what an unknown external authorizer was to decide', () => {
    const custom = policy('foo', 'ask', { action: 'CUSTOM', provider: { name: 'gone' }, rules: [{}] });
    const [filter, ...rest] = filters('http', [custom], {}, ['cluster.local']);
    expect(rest).toEqual([]);
    expect(filter).toMatchObject({ typedConfig: { rules: { action: 'DENY' } } });
  });

  it('takes a service account without a namespace from the namespace of the policy', () => {
    const one = policy('foo', 'sa', { rules: [{ from: [{ source: { serviceAccounts: ['caller', 'bar/other*'] } }] }] });
    const text = JSON.stringify(filters('tcp', [one], {}, ['cluster.local']));
    expect(text).toContain('spiffe://.+/ns/foo/sa/caller');
    expect(text).toContain('spiffe://.+/ns/bar/sa/other[^/]*');
  });
});

describe('rules that say something nobody understands', () => {
  const faults: [string, object][] = [
    ['an address', { from: [{ source: { ipBlocks: ['1.2.3'] } }] }],
    ['a range', { from: [{ source: { remoteIpBlocks: ['1.2.3.4/33'] } }] }],
    ['a port', { to: [{ operation: { ports: ['99999'] } }] }],
    ['a template', { to: [{ operation: { paths: ['/a{*}b'] } }] }],
    ['a template with text after the rest', { to: [{ operation: { paths: ['/{**}/{*}'] } }] }],
    ['a header name', { when: [{ key: 'request.headers[a b]', values: ['x'] }] }],
    ['a claim', { when: [{ key: 'request.auth.claims[]', values: ['x'] }] }],
    ['a condition', { when: [{ key: 'made.up', values: ['x'] }] }],
    ['a filter without a path', { when: [{ key: 'experimental.envoy.filters', values: ['x'] }] }],
    ['an empty value', { to: [{ operation: { methods: [''] } }] }],
  ];
  it.each(faults)('allow nothing, refuse and ask about everything: %s', (_, rule) => {
    const of = (spec: object) =>
      filters('http', [policy('foo', 'p', { rules: [rule], ...spec })], { default: base }, []);
    const everything = [
      { permissions: [{ andRules: { rules: [{ any: true }] } }], principals: [{ andIds: { ids: [{ any: true }] } }] },
    ];
    const policies = (filter: unknown, rules: 'rules' | 'shadowRules') =>
      Object.values(
        (filter as { typedConfig: Record<string, { policies?: object }> }).typedConfig[rules]?.policies ?? {},
      );
    expect(policies(of({})[0], 'rules')).toEqual([]);
    expect(policies(of({ action: 'DENY' })[0], 'rules')).toEqual(everything);
    expect(policies(of({ action: 'CUSTOM', provider: { name: 'default' } })[0], 'shadowRules')).toEqual(everything);
  });
});

function policy(namespace: string, name: string, spec: object) {
  const { value } = authorizationPolicyKind.decode({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { namespace, name },
    spec,
  });
  return authorizationPolicy(`c/${namespace}/${name}`, value!);
}

function generated({ kind, input, meshConfig, trustDomain, trustDomainAliases }: Case): JsonValue[] {
  const policies = parseAllDocuments(readFileSync(join(dir, kind, input), 'utf8')).flatMap((document) => {
    const raw = document.toJS();
    if (!raw) return [];
    const { value } = authorizationPolicyKind.decode(raw);
    return [authorizationPolicy(`c/${raw.metadata.namespace}/${raw.metadata.name}`, value!)];
  });
  const mine = { namespace: 'foo', labels: { app: 'httpbin', version: 'v1' }, rootNamespace: 'istio-system' };
  const authorization = workloadAuthorization(policies, mine);
  const domains = [trustDomain ?? 'cluster.local', ...trustDomainAliases];
  const options = { authorization, trustDomains: domains, providers: meshConfig ? PROVIDERS[meshConfig]! : {} };
  return kind === 'http'
    ? httpAuthorization(options).map((f) => json('http', create(HttpFilterSchema, f)))
    : tcpAuthorization(options).map((f) => json('tcp', create(FilterSchema, f)));
}

function filters(
  kind: 'http' | 'tcp',
  policies: readonly ReturnType<typeof policy>[],
  providers: Readonly<Record<string, ExtAuthzProvider>>,
  trustDomains: readonly string[],
): JsonValue[] {
  const mine = { namespace: 'foo', labels: {}, rootNamespace: 'istio-system' };
  const options = { authorization: workloadAuthorization(policies, mine), providers, trustDomains };
  return kind === 'http'
    ? httpAuthorization(options).map((f) => json('http', create(HttpFilterSchema, f)))
    : tcpAuthorization(options).map((f) => json('tcp', create(FilterSchema, f)));
}

function expectedFilter(kind: 'http' | 'tcp', file: string): JsonValue {
  const [document] = parseAllDocuments(readFileSync(join(dir, kind, file), 'utf8'));
  const raw = document!.toJS();
  return kind === 'http'
    ? json('http', fromJson(HttpFilterSchema, raw, { registry }))
    : json('tcp', fromJson(FilterSchema, raw, { registry }));
}

function json(kind: 'http' | 'tcp', filter: MessageShape<typeof HttpFilterSchema | typeof FilterSchema>): JsonValue {
  const schema: DescMessage = kind === 'http' ? HttpFilterSchema : FilterSchema;
  return flat(toJson(schema, filter, { registry }));
}

/** Any of one is that one: both spellings decide the same. */
function flat(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(flat);
  if (typeof value !== 'object' || value === null) return value;
  const [first, ...rest] = Object.entries(value);
  if (first && rest.length === 0 && (first[0] === 'orRules' || first[0] === 'orIds')) {
    const list = Object.values(first[1] as object)[0];
    if (Array.isArray(list) && list.length === 1) return flat(list[0]);
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, flat(inner)]));
}

const host = 'my-custom-ext-authz.foo.svc.cluster.local';
const base: ExtAuthzProvider = {
  name: 'default',
  kind: 'grpc',
  host,
  cluster: `outbound|9000||${host}`,
  timeoutMs: 2,
  failOpen: true,
  clearRouteCache: false,
  statusOnError: 403,
  pathPrefix: '',
  requestHeaders: [],
  additionalHeaders: {},
  toUpstreamOnAllow: [],
  toDownstreamOnAllow: [],
  toDownstreamOnDeny: [],
};
const PROVIDERS: Readonly<Record<string, Readonly<Record<string, ExtAuthzProvider>>>> = {
  meshConfigGRPC: { default: { ...base, body: { maxBytes: 4096, allowPartial: true, asBytes: false } } },
  meshConfigGRPCNoNamespace: { default: { ...base, timeoutMs: 600_000 } },
  meshConfigHTTP: {
    default: {
      ...base,
      kind: 'http',
      timeoutMs: 10_000,
      pathPrefix: '/check',
      requestHeaders: ['x-custom-id', 'x-prefix-*', '*-suffix'],
      additionalHeaders: { 'x-header-1': 'value-1', 'x-header-2': 'value-2' },
      body: { maxBytes: 2048, allowPartial: true, asBytes: true },
      toUpstreamOnAllow: ['Authorization', 'x-prefix-*', '*-suffix'],
      toDownstreamOnDeny: ['Set-cookie', 'x-prefix-*', '*-suffix'],
      toDownstreamOnAllow: ['Set-cookie', 'x-prefix-*', '*-suffix'],
    },
  },
};
