// Istio VirtualService.
import { type VirtualService, VirtualServiceSchema } from '../gen/networking/v1alpha3/virtual_service_pb.js';
import type { Problem } from '../model/problem.ts';
import { checkExportTo, Findings, isAddress, isCidr, isPort, isWildcardHost } from './checks.ts';
import { checkDestinations } from './destination-check.ts';
import { checkHttpRoute } from './http-route-check.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type VirtualServiceConfig = Config<VirtualService>;

export const virtualServiceKind = istioKind({
  id: 'virtualService',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'VirtualService',
  plural: 'virtualservices',
  schema: VirtualServiceSchema,
  check,
});

function check(spec: VirtualService): Problem[] {
  const f = new Findings();
  const delegate = spec.hosts.length === 0;
  const forMesh = spec.gateways.length === 0 || spec.gateways.includes('mesh');
  if (delegate) {
    f.require(
      spec.gateways.length === 0,
      'delegate',
      'spec.gateways',
      'Without hosts this is a delegate, and a delegate is not attached to gateways.',
    );
    f.require(
      spec.tls.length === 0 && spec.tcp.length === 0,
      'delegate',
      'spec',
      'Only HTTP routes can be delegated: give hosts, or remove the tls and tcp routes.',
    );
  }
  const seen = new Set<string>();
  for (const [i, host] of spec.hosts.entries()) {
    const path = `spec.hosts[${i}]`;
    f.require(isWildcardHost(host) || isAddress(host), 'bad-host', path, `"${host}" is no host name.`);
    f.require(!seen.has(host), 'duplicate', path, `"${host}" is listed twice.`);
    f.require(
      !(host === '*' && forMesh),
      'bad-host',
      path,
      'The host "*" can only be used with gateways other than "mesh"; name the hosts.',
    );
    seen.add(host);
  }
  f.require(
    spec.http.length + spec.tls.length + spec.tcp.length > 0,
    'missing-field',
    'spec',
    'Give at least one http, tls or tcp route.',
  );
  for (const [i, name] of spec.gateways.entries()) {
    const parts = name.split('/');
    f.require(
      parts.length <= 2 && parts.every((p) => p !== ''),
      'bad-gateway',
      `spec.gateways[${i}]`,
      `"${name}" is neither "mesh", a name nor namespace/name.`,
    );
  }
  checkExportTo(f, spec.exportTo);
  for (const [i, route] of spec.http.entries()) {
    const path = `spec.http[${i}]`;
    checkHttpRoute(f, route, path, { delegate });
    const last = i === spec.http.length - 1;
    f.advise(
      route.match.length > 0 || last,
      'unreachable-rule',
      path,
      'This rule matches everything, so the rules after it are never used; move it to the end.',
    );
  }
  for (const [i, route] of spec.tls.entries()) {
    const path = `spec.tls[${i}]`;
    f.require(route.match.length > 0, 'missing-field', `${path}.match`, 'A tls route needs a match with sniHosts.');
    for (const [j, match] of route.match.entries()) {
      const at = `${path}.match[${j}]`;
      f.require(match.sniHosts.length > 0, 'missing-field', `${at}.sniHosts`, 'Name the servers to match.');
      for (const [k, name] of match.sniHosts.entries()) {
        const within = spec.hosts.some((host) => covers(host, name));
        f.require(within, 'bad-host', `${at}.sniHosts[${k}]`, `"${name}" is not covered by any of the hosts.`);
      }
      checkL4(f, match, at);
    }
    checkDestinations(f, route.route, path);
  }
  for (const [i, route] of spec.tcp.entries()) {
    const path = `spec.tcp[${i}]`;
    for (const [j, match] of route.match.entries()) checkL4(f, match, `${path}.match[${j}]`);
    checkDestinations(f, route.route, path);
  }
  return f.problems;
}

/** Whether a server name can be one of a host's: equal, below a wildcard, or a shorter wildcard of the same names. */
function covers(host: string, name: string): boolean {
  if (host === '*' || host === name) return true;
  return host.startsWith('*') && name.endsWith(host.slice(1));
}

function checkL4(f: Findings, match: { destinationSubnets: readonly string[]; port: number }, path: string): void {
  for (const [i, subnet] of match.destinationSubnets.entries()) {
    f.require(isCidr(subnet), 'bad-address', `${path}.destinationSubnets[${i}]`, `"${subnet}" is no address or CIDR.`);
  }
  f.require(match.port === 0 || isPort(match.port), 'bad-port', `${path}.port`, 'A port is a number from 1 to 65535.');
}
