// The cluster that a routing destination stands for, and whether a match is about this scope's callers.

import type { Destination } from '../model/route.ts';
import type { Service } from '../model/service.ts';
import { outboundCluster } from './names.ts';
import type { OutboundScope } from './outbound-scope.ts';
import { selects } from './selector.ts';

/** Port of a destination: as written, else the service's only port, else the one that the caller used. */
export function destinationPort(destination: Destination, service: Service | undefined, callerPort: number): number {
  if (destination.port) return destination.port;
  return service?.ports.length === 1 ? service.ports[0]!.port : callerPort;
}

export function destinationCluster(destination: Destination, service: Service | undefined, callerPort: number): string {
  const { host, subset } = destination;
  return outboundCluster({ host, subset, port: destinationPort(destination, service, callerPort) });
}

export interface SourceMatch {
  readonly sourceLabels: Readonly<Record<string, string>>;
  readonly sourceNamespace: string;
  readonly gateways: readonly string[];
}

/** Whether a match of a rule on `gateway` (`mesh` for sidecars) holds for callers of a scope. */
export function matchesSource(match: SourceMatch, caller: OutboundScope, gateway: string): boolean {
  if (match.gateways.length > 0 && !match.gateways.includes(gateway)) return false;
  if (match.sourceNamespace && match.sourceNamespace !== caller.namespace) return false;
  return selects(match.sourceLabels, caller.labels ?? {});
}
