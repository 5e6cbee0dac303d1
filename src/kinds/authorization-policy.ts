// Istio AuthorizationPolicy.
import {
  AuthorizationPolicy_Action as Action,
  type AuthorizationPolicy,
  AuthorizationPolicySchema,
  type Condition,
  type Operation,
  type Rule,
  type Source,
} from '../gen/security/v1beta1/authorization_policy_pb.js';
import type { Problem } from '../model/problem.ts';
import { checkSelector, Findings, isCidr } from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type AuthorizationPolicyConfig = Config<AuthorizationPolicy>;

export const authorizationPolicyKind = istioKind({
  id: 'authorizationPolicy',
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  schema: AuthorizationPolicySchema,
  keepFaulty: true,
  check,
});

function check(spec: AuthorizationPolicy): Problem[] {
  const f = new Findings();
  checkSelector(f, spec.selector?.matchLabels, 'spec.selector.matchLabels');
  const provider = spec.actionDetail.case === 'provider' ? spec.actionDetail.value.name : undefined;
  if (spec.action === Action.CUSTOM) {
    f.require(provider, 'missing-field', 'spec.provider.name', 'CUSTOM needs the name of an extension provider.');
    f.require(
      spec.rules.length > 0,
      'missing-field',
      'spec.rules',
      'CUSTOM needs at least one rule; [{}] matches everything.',
    );
  } else {
    f.require(provider === undefined, 'conflict', 'spec.provider', 'Only the action CUSTOM has a provider.');
  }
  for (const [i, rule] of spec.rules.entries()) checkRule(f, rule, `spec.rules[${i}]`);
  return f.problems;
}

function checkRule(f: Findings, rule: Rule, path: string): void {
  for (const [i, { source }] of rule.from.entries()) {
    const at = `${path}.from[${i}].source`;
    if (f.require(source, 'missing-field', at, 'Give a source.')) checkSource(f, source!, at);
  }
  for (const [i, { operation }] of rule.to.entries()) {
    const at = `${path}.to[${i}].operation`;
    if (f.require(operation, 'missing-field', at, 'Give an operation.')) checkOperation(f, operation!, at);
  }
  for (const [i, condition] of rule.when.entries()) checkCondition(f, condition, `${path}.when[${i}]`);
}

function checkLists(f: Findings, lists: Readonly<Record<string, readonly string[]>>, path: string): void {
  const filled = Object.values(lists).some((list) => list.length > 0);
  f.require(filled, 'missing-field', path, 'It says nothing; give at least one list.');
  for (const [name, list] of Object.entries(lists)) {
    for (const [i, value] of list.entries()) {
      f.require(value !== '', 'empty-match', `${path}.${name}[${i}]`, 'An empty text never matches; remove it.');
    }
  }
}

function checkSource(f: Findings, source: Source, path: string): void {
  const { $typeName: _, $unknown: __, ...lists } = source;
  checkLists(f, lists, path);
  for (const name of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const) {
    for (const [i, block] of source[name].entries()) {
      f.require(isCidr(block), 'bad-address', `${path}.${name}[${i}]`, `"${block}" is no address or CIDR.`);
    }
  }
  const accounts = source.serviceAccounts.length + source.notServiceAccounts.length > 0;
  const others =
    source.principals.length + source.notPrincipals.length + source.namespaces.length + source.notNamespaces.length;
  f.require(
    !(accounts && others > 0),
    'conflict',
    path,
    'serviceAccounts cannot be combined with principals or namespaces.',
  );
}

function checkOperation(f: Findings, operation: Operation, path: string): void {
  const { $typeName: _, $unknown: __, ...lists } = operation;
  checkLists(f, lists, path);
  for (const name of ['ports', 'notPorts'] as const) {
    for (const [i, port] of operation[name].entries()) {
      const good = /^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65535;
      f.require(good, 'bad-port', `${path}.${name}[${i}]`, `"${port}" is no port from 1 to 65535.`);
    }
  }
  for (const name of ['paths', 'notPaths'] as const) {
    for (const [i, value] of operation[name].entries()) {
      const fault = templateFault(value);
      f.require(!fault, 'bad-path', `${path}.${name}[${i}]`, `"${value}" cannot be used: ${fault}.`);
    }
  }
}

/** Path templates: `{*}` is one segment, `{**}` all that follow and must be the last operator. */
function templateFault(path: string): string | undefined {
  if (!path.includes('{*') && !path.includes('*}')) return undefined;
  const segments = path.replace(/\/$/, '').split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    if (segment === '{*}') continue;
    if (segment === '{**}') {
      if (segments.slice(i + 1).some((s) => s === '{*}' || s === '{**}')) return '{**} must be the last operator';
      continue;
    }
    if (segment.includes('{') || segment.includes('}') || segment.includes('*')) {
      return 'in a template a segment is {*}, {**} or text without * and braces';
    }
  }
  return undefined;
}

const KEYS = [
  /^request\.headers\[.+\]$/,
  /^request\.auth\.(principal|audiences|presenter)$/,
  /^request\.auth\.claims(\[[^\]]+\])+$/,
  /^source\.(ip|namespace|principal|serviceAccount)$/,
  /^remote\.ip$/,
  /^destination\.(ip|port)$/,
  /^connection\.sni$/,
  /^experimental\.envoy\.filters\.[^[]+(\[.+\])?$/,
];

function checkCondition(f: Findings, { key, values, notValues }: Condition, path: string): void {
  f.require(key !== '', 'missing-field', `${path}.key`, 'Give a key.');
  f.require(
    key === '' || KEYS.some((k) => k.test(key)),
    'bad-key',
    `${path}.key`,
    `"${key}" is no attribute that conditions know.`,
  );
  f.require(values.length + notValues.length > 0, 'missing-field', path, 'Give values or notValues.');
  if (key === 'source.ip' || key === 'remote.ip' || key === 'destination.ip') {
    for (const [name, list] of Object.entries({ values, notValues })) {
      for (const [i, value] of list.entries()) {
        f.require(isCidr(value), 'bad-address', `${path}.${name}[${i}]`, `"${value}" is no address or CIDR.`);
      }
    }
  }
  if (key === 'destination.port') {
    for (const [i, value] of values.entries()) {
      f.require(/^\d{1,5}$/.test(value), 'bad-port', `${path}.values[${i}]`, `"${value}" is no port.`);
    }
  }
}
