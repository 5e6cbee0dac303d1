// All outbound parts, by the type of resource they belong to.
import type { Part } from '../resource.ts';
import { outboundClustersPart } from './cds.ts';
import type { OutboundContext } from './context.ts';
import { outboundEndpointsParts } from './eds.ts';
import { outboundListenersPart } from './lds.ts';
import { outboundRouteParts } from './rds.ts';
import { sharedFiltersPart } from './shared-filters.ts';

export interface OutboundParts {
  readonly clusters: readonly Part[];
  readonly endpoints: readonly Part[];
  readonly listeners: readonly Part[];
  readonly routes: readonly Part[];
  readonly virtualHosts: readonly Part[];
  readonly extensions: readonly Part[];
}

export function outboundParts(context: OutboundContext): OutboundParts {
  const routes = outboundRouteParts(context);
  return {
    clusters: [outboundClustersPart(context)],
    endpoints: outboundEndpointsParts(context),
    listeners: [outboundListenersPart(context)],
    routes: [routes.routes],
    virtualHosts: routes.virtualHosts,
    extensions: [sharedFiltersPart(context)],
  };
}
