// References to secrets: the workload's own certificate from its agent (files, or a stock agent's socket), all others over ADS.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSourceSchema,
} from '../gen/envoy/config/core/v3/config_source_pb.js';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SDS_DEFAULT, SDS_ROOT, sdsFile } from '../lib/paths.ts';
import { duration } from './any.ts';

/** Everything configured over the aggregated stream names its source so. */
export const adsSource: MessageInitShape<typeof ConfigSourceSchema> = {
  configSourceSpecifier: { case: 'ads', value: {} },
  resourceApiVersion: ApiVersion.V3,
};

/** The cluster in a stock agent's bootstrap that leads to the agent's own SDS server. */
const AGENT_CLUSTER = 'sds-grpc';

const fromAgent: MessageInitShape<typeof ConfigSourceSchema>['configSourceSpecifier'] = {
  case: 'apiConfigSource',
  value: {
    apiType: ApiConfigSource_ApiType.GRPC,
    transportApiVersion: ApiVersion.V3,
    setNodeOnFirstMessageOnly: true,
    grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: AGENT_CLUSTER } } }],
  },
};

function ofWorkload(name: string, dir: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, {
    name,
    sdsConfig: {
      // Said in every cluster: a file needs neither a version nor a deadline, Envoy waits for it in any case.
      ...(dir
        ? { configSourceSpecifier: { case: 'pathConfigSource', value: { path: sdsFile(name, dir) } } }
        : {
            configSourceSpecifier: fromAgent,
            resourceApiVersion: ApiVersion.V3,
            // Without its own certificate a workload can do nothing useful: wait for it, as Istio does.
            initialFetchTimeout: duration(0),
          }),
    },
  });
}

/**
 * The workload's own certificate: from files in `dir`, which an agent of ours names in the node's metadata; with '' from
 * the SDS server of a stock agent.
 */
export const workloadCertificate = (dir: string): SdsSecretConfig => ofWorkload(SDS_DEFAULT, dir);

/** The mesh's trust anchors, from the same place as the certificate. */
export const workloadRoots = (dir: string): SdsSecretConfig => ofWorkload(SDS_ROOT, dir);

/** A secret that the control plane serves: `kubernetes://name`, `kubernetes://name-cacert`, `file-cert:a~b`, `file-root:a`. */
export function adsSecret(name: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, { name, sdsConfig: adsSource });
}

/** Name of the secret of a Kubernetes Secret in the proxy's namespace. */
export const kubernetesSecret = (name: string): string => (name.includes('://') ? name : `kubernetes://${name}`);

/** Name of the trust anchors that belong to a Kubernetes Secret. */
export const kubernetesRoots = (name: string): string => `${kubernetesSecret(name)}-cacert`;

/** Name of a certificate and key mounted as files in the proxy. */
export const fileCertificate = (certificate: string, key: string): string => `file-cert:${certificate}~${key}`;

/** Name of trust anchors mounted as a file in the proxy; `system` is the image's own bundle. */
export const fileRoots = (path: string): string => `file-root:${path}`;
