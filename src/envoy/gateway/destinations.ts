// Everything that the rules on a gateway's listener can lead to.
import type { Destination, HttpRule, RouteRules } from '../../model/route.ts';
import type { GatewayListener } from '../../view/gateway.ts';
import { boundRules, passthroughForwards, tcpForwards } from '../../view/gateway-l4.ts';

export interface ReachedDestination {
  readonly destination: Destination;
  /** The port that the caller used: it is the destination's when nothing else says one. */
  readonly port: number;
}

export function gatewayDestinations(listener: GatewayListener, rules: readonly RouteRules[]): ReachedDestination[] {
  return listener.servers.flatMap((bound) => {
    const { port } = bound;
    if (bound.routeName !== '') {
      return boundRules(bound, rules).flatMap(({ http }) =>
        http.flatMap(httpDestinations).map((destination) => ({ destination, port })),
      );
    }
    const mode = bound.server.tls?.mode;
    if (mode === 'auto-passthrough') return [];
    const forwards = mode === 'passthrough' ? passthroughForwards(bound, rules) : tcpForwards(bound, rules);
    return forwards.flatMap(({ destinations }) => destinations.map(({ destination }) => ({ destination, port })));
  });
}

const httpDestinations = ({ action, mirrors }: HttpRule): Destination[] => [
  ...(action.kind === 'route' ? action.destinations.map(({ destination }) => destination) : []),
  ...mirrors.map(({ destination }) => destination),
];
