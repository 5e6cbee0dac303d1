// Checks of routing destinations and their weights.
import type { Destination } from '../gen/networking/v1alpha3/virtual_service_pb.js';
import { type Findings, isPort, isWildcardHost } from './checks.ts';

interface Weighted {
  readonly destination?: Destination | undefined;
  readonly weight: number;
}

export function checkDestinations(f: Findings, routes: readonly Weighted[], path: string): void {
  f.require(routes.length > 0, 'missing-field', `${path}.route`, 'Give at least one destination.');
  for (const [i, route] of routes.entries()) {
    checkDestination(f, route.destination, `${path}.route[${i}].destination`);
    f.require(route.weight >= 0, 'bad-weight', `${path}.route[${i}].weight`, 'A weight cannot be negative.');
  }
  const total = routes.reduce((sum, r) => sum + r.weight, 0);
  f.require(
    routes.length < 2 || total > 0,
    'bad-weight',
    `${path}.route`,
    'With several destinations at least one needs a weight above 0.',
  );
}

export function checkDestination(f: Findings, destination: Destination | undefined, path: string): void {
  if (!f.require(destination, 'missing-field', path, 'Give a destination.') || !destination) return;
  const { host, subset, port } = destination;
  f.require(host !== '*' && isWildcardHost(host), 'bad-host', `${path}.host`, `"${host}" is no host name.`);
  f.require(
    subset === '' || /^[a-z0-9]([-a-z0-9._]*[a-z0-9])?$/i.test(subset),
    'bad-subset',
    `${path}.subset`,
    `"${subset}" is no subset name.`,
  );
  f.require(!port || isPort(port.number), 'bad-port', `${path}.port.number`, 'A port is a number from 1 to 65535.');
}
