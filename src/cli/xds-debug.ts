// Asks a control plane for a debug page over xDS, as a stock istioctl does: type istio.io/debug, the page as resource name.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import { CliError } from './errors.ts';
import type { DebugAnswer } from './pods.ts';

export interface XdsDebugOptions {
  readonly address: string;
  /** E.g. `syncz`, `clusterz`, `config_dump?proxyID=pod.ns`. */
  readonly page: string;
  readonly plaintext?: boolean;
  readonly insecure?: boolean;
  /** A token with audience istio-ca. */
  readonly token?: string;
  readonly timeoutMs?: number;
}

const METHOD = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';

/** Asks once. Rejects with CliError that names the address. */
export function askOverXds(options: XdsDebugOptions): Promise<DebugAnswer> {
  const { address, page, plaintext, insecure, token, timeoutMs = 10_000 } = options;
  const secure = credentials.createSsl(null, null, null, insecure ? { rejectUnauthorized: false } : {});
  const client = new Client(address, plaintext ? credentials.createInsecure() : secure);
  const metadata = new Metadata();
  if (token) metadata.set('authorization', `Bearer ${token}`);
  const deadline = Date.now() + timeoutMs;
  return new Promise<DebugAnswer>((resolve, reject) => {
    const stream = client.makeBidiStreamRequest<DiscoveryRequest, DiscoveryResponse>(
      METHOD,
      (value) => Buffer.from(toBinary(DiscoveryRequestSchema, value)),
      (bytes) => fromBinary(DiscoveryResponseSchema, bytes),
      metadata,
      { deadline },
    );
    stream.on('error', (error: Error) => reject(new CliError(`${address}: ${error.message}`)));
    stream.on('end', () => reject(new CliError(`${address}: the control plane ended the stream without an answer`)));
    stream.on('data', (response: DiscoveryResponse) => {
      const body = Buffer.concat(response.resources.map((resource) => resource.value)).toString('utf8');
      resolve({ istiod: identifierOf(response) || address, body });
      stream.cancel();
    });
    stream.write(
      create(DiscoveryRequestSchema, {
        node: { id: 'debug~0.0.0.0~istioctl~cluster.local' },
        typeUrl: 'istio.io/debug',
        resourceNames: [page],
      }),
    );
  }).finally(() => client.close());
}

/** istiod describes itself as JSON in the identifier. */
function identifierOf(response: DiscoveryResponse): string {
  try {
    return (JSON.parse(response.controlPlane?.identifier ?? '') as { ID?: string }).ID ?? '';
  } catch {
    return response.controlPlane?.identifier ?? '';
  }
}
