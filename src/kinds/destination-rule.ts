// Istio DestinationRule.
import {
  type ClientTLSSettings,
  type ConnectionPoolSettings,
  type DestinationRule,
  DestinationRuleSchema,
  type LoadBalancerSettings,
  type LocalityLoadBalancerSetting,
  ClientTLSSettings_TLSmode as Mode,
  type OutlierDetection,
  type TrafficPolicy,
} from '../gen/networking/v1alpha3/destination_rule_pb.js';
import type { Problem } from '../model/problem.ts';
import {
  checkDuration,
  checkExportTo,
  checkLabels,
  checkSelector,
  Findings,
  isPort,
  isWildcardHost,
} from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type DestinationRuleConfig = Config<DestinationRule>;

export const destinationRuleKind = istioKind({
  id: 'destinationRule',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'DestinationRule',
  plural: 'destinationrules',
  schema: DestinationRuleSchema,
  check,
});

function check(spec: DestinationRule): Problem[] {
  const f = new Findings();
  f.require(isWildcardHost(spec.host), 'bad-host', 'spec.host', `"${spec.host}" is no host name.`);
  checkPolicy(f, spec.trafficPolicy, 'spec.trafficPolicy');
  const seen = new Set<string>();
  for (const [i, subset] of spec.subsets.entries()) {
    const path = `spec.subsets[${i}]`;
    const good = /^[a-z0-9]([-a-z0-9._]*[a-z0-9])?$/i.test(subset.name);
    f.require(good, 'bad-subset', `${path}.name`, `"${subset.name}" is no name for a subset.`);
    f.require(!seen.has(subset.name), 'duplicate', `${path}.name`, `There are two subsets "${subset.name}".`);
    seen.add(subset.name);
    checkLabels(f, subset.labels, `${path}.labels`);
    checkPolicy(f, subset.trafficPolicy, `${path}.trafficPolicy`);
  }
  checkExportTo(f, spec.exportTo);
  checkSelector(f, spec.workloadSelector?.matchLabels, 'spec.workloadSelector.matchLabels');
  return f.problems;
}

type Parts = Pick<TrafficPolicy, 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls'>;

function checkPolicy(f: Findings, policy: TrafficPolicy | undefined, path: string): void {
  if (!policy) return;
  const something =
    policy.loadBalancer ||
    policy.connectionPool ||
    policy.outlierDetection ||
    policy.tls ||
    policy.tunnel ||
    policy.proxyProtocol ||
    policy.retryBudget ||
    policy.portLevelSettings.length > 0;
  f.require(something, 'missing-field', path, 'The policy says nothing; give at least one setting or remove it.');
  checkParts(f, policy, path);
  for (const [i, own] of policy.portLevelSettings.entries()) {
    const at = `${path}.portLevelSettings[${i}]`;
    f.require(own.port && isPort(own.port.number), 'bad-port', `${at}.port`, 'Name the port by its number.');
    checkParts(f, own, at);
  }
}

function checkParts(f: Findings, parts: Parts, path: string): void {
  if (parts.connectionPool) checkPool(f, parts.connectionPool, `${path}.connectionPool`);
  if (parts.outlierDetection) checkOutlier(f, parts.outlierDetection, `${path}.outlierDetection`);
  if (parts.loadBalancer) checkBalancer(f, parts.loadBalancer, `${path}.loadBalancer`);
  if (parts.tls) checkClientTls(f, parts.tls, `${path}.tls`);
}

function checkPool(f: Findings, { tcp, http }: ConnectionPoolSettings, path: string): void {
  f.require(tcp || http, 'missing-field', path, 'Give tcp or http settings.');
  f.require(
    (tcp?.maxConnections ?? 0) >= 0,
    'negative',
    `${path}.tcp.maxConnections`,
    'The number cannot be negative.',
  );
  checkDuration(f, tcp?.connectTimeout, `${path}.tcp.connectTimeout`);
  checkDuration(f, tcp?.maxConnectionDuration, `${path}.tcp.maxConnectionDuration`);
  const counts = [
    'http1MaxPendingRequests',
    'http2MaxRequests',
    'maxRequestsPerConnection',
    'maxRetries',
    'maxConcurrentStreams',
  ] as const;
  for (const name of counts) {
    f.require((http?.[name] ?? 0) >= 0, 'negative', `${path}.http.${name}`, 'The number cannot be negative.');
  }
  checkDuration(f, http?.idleTimeout, `${path}.http.idleTimeout`);
  f.require(
    !(http?.useClientProtocol && http.h2UpgradePolicy === 1),
    'conflict',
    `${path}.http`,
    'useClientProtocol cannot be combined with an upgrade to HTTP/2.',
  );
}

function checkOutlier(f: Findings, outlier: OutlierDetection, path: string): void {
  checkDuration(f, outlier.interval, `${path}.interval`);
  checkDuration(f, outlier.baseEjectionTime, `${path}.baseEjectionTime`);
  for (const name of ['maxEjectionPercent', 'minHealthPercent'] as const) {
    const value = outlier[name];
    f.require(value >= 0 && value <= 100, 'bad-percent', `${path}.${name}`, 'Give a percentage from 0 to 100.');
  }
  f.require(
    outlier.splitExternalLocalOriginErrors || !outlier.consecutiveLocalOriginFailures,
    'conflict',
    `${path}.consecutiveLocalOriginFailures`,
    'Set splitExternalLocalOriginErrors, or the number is not used.',
  );
}

function checkBalancer(f: Findings, balancer: LoadBalancerSettings, path: string): void {
  if (balancer.lbPolicy.case === 'consistentHash') {
    const { hashKey } = balancer.lbPolicy.value;
    const at = `${path}.consistentHash`;
    f.require(
      hashKey.case,
      'missing-field',
      at,
      'Say what to hash: a header, a cookie, the source address or a query parameter.',
    );
    if (hashKey.case === 'httpCookie') {
      f.require(hashKey.value.name !== '', 'missing-field', `${at}.httpCookie.name`, 'Name the cookie.');
    }
  }
  checkDuration(f, balancer.warmupDurationSecs, `${path}.warmupDurationSecs`);
  if (balancer.localityLbSetting) checkLocality(f, balancer.localityLbSetting, `${path}.localityLbSetting`);
}

function checkLocality(f: Findings, locality: LocalityLoadBalancerSetting, path: string): void {
  const ways = [locality.distribute.length > 0, locality.failover.length > 0].filter(Boolean);
  f.require(ways.length < 2, 'conflict', path, 'Give either distribute or failover.');
  for (const [i, { to }] of locality.distribute.entries()) {
    const total = Object.values(to).reduce((sum, share) => sum + share, 0);
    f.require(
      total === 100,
      'bad-weight',
      `${path}.distribute[${i}].to`,
      `The shares must add up to 100, not ${total}.`,
    );
    f.require(
      Object.values(to).every((share) => share > 0),
      'bad-weight',
      `${path}.distribute[${i}].to`,
      'A share must be above 0.',
    );
  }
  for (const [i, { from, to }] of locality.failover.entries()) {
    const at = `${path}.failover[${i}]`;
    f.require(from !== to, 'conflict', at, 'A region cannot fail over to itself.');
    f.require(!`${from}${to}`.includes('*'), 'bad-region', at, 'Name regions without wildcards.');
    f.require(!`${from}${to}`.includes('/'), 'bad-region', at, 'Only regions can fail over to each other.');
  }
}

export function checkClientTls(f: Findings, tls: ClientTLSSettings, path: string): void {
  if (tls.mode === Mode.MUTUAL && !tls.credentialName) {
    f.require(
      tls.clientCertificate,
      'missing-field',
      `${path}.clientCertificate`,
      'MUTUAL needs a certificate or a credentialName.',
    );
    f.require(tls.privateKey, 'missing-field', `${path}.privateKey`, 'MUTUAL needs a private key or a credentialName.');
  }
  if (tls.credentialName) {
    const files = tls.clientCertificate || tls.privateKey || tls.caCertificates;
    f.require(!files, 'conflict', path, 'Give either credentialName or files.');
  }
  if (tls.mode === Mode.ISTIO_MUTUAL) {
    const files = tls.clientCertificate || tls.privateKey || tls.caCertificates || tls.credentialName;
    f.require(!files, 'conflict', path, 'ISTIO_MUTUAL uses the mesh certificate; remove the certificates.');
  }
}
