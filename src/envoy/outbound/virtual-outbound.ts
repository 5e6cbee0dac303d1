// The listener that captured connections arrive at: it hands them to the listener of their destination, or falls back.
import { TrafficDirection } from '../../gen/envoy/config/core/v3/base_pb.js';
import type { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { BLACK_HOLE, VIRTUAL_OUTBOUND } from '../../view/names.ts';
import { ANY_ADDRESS } from '../../view/outbound-listeners.ts';
import type { Init } from '../any.ts';
import { forwardTo } from '../gateway/tcp-proxy.ts';
import type { Loggers } from '../telemetry/loggers.ts';
import { fallback, socketAddress } from './listener.ts';

export interface VirtualOutboundOptions {
  readonly capturePort: number;
  readonly allowAny: boolean;
  readonly loggers: Loggers;
  readonly transparent: boolean;
}

export function virtualOutbound(options: VirtualOutboundOptions): Init<typeof ListenerSchema> {
  const { capturePort, allowAny, loggers, transparent } = options;
  const none = { set: {}, add: {}, remove: [] };
  const refuse = forwardTo(
    [{ destination: { host: BLACK_HOLE, subset: '', port: 0 }, weight: 1, headers: { request: none, response: none } }],
    0,
    (d) => d.host,
    loggers.tcp,
  );
  return {
    name: VIRTUAL_OUTBOUND,
    address: socketAddress(ANY_ADDRESS, capturePort),
    useOriginalDst: true,
    trafficDirection: TrafficDirection.OUTBOUND,
    ...(transparent && { transparent: true }),
    filterChains: [
      // Dialled directly: there is no original destination, and forwarding would come back here for ever.
      { name: 'virtualOutbound-blackhole', filterChainMatch: { destinationPort: capturePort }, filters: [refuse] },
      { ...fallback({ allowAny, loggers }), name: 'virtualOutbound-catchall-tcp' },
    ],
    accessLog: [...loggers.listener],
  };
}
