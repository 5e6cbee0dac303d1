// What a Sidecar object says, in words that need no knowledge of its API.
import { OutboundTrafficPolicy_Mode, type Sidecar } from '../gen/networking/v1alpha3/sidecar_pb.js';

/** Whether requests to hosts that nobody knows may pass; undefined when the Sidecar leaves it to the mesh. */
export function sidecarAllowsAny(spec: Sidecar): boolean | undefined {
  const policy = spec.outboundTrafficPolicy;
  return policy && policy.mode === OutboundTrafficPolicy_Mode.ALLOW_ANY;
}
