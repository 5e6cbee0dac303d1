// Bootstrap of one Envoy of the test world: its node, the control plane's address, the admin port.
import { ON_DEMAND } from '../../src/agent/bootstrap.ts';
import { CLUSTER, type WorldPod } from './pods.ts';

export const ADMIN_PORT = 15000;

export interface BootstrapOptions {
  readonly pod: WorldPod;
  readonly control: { readonly address: string; readonly port: number };
  readonly sdsDir: string;
}

export function bootstrap({ pod, control, sdsDir }: BootstrapOptions): object {
  const id = `${pod.proxy}~${pod.address}~${pod.name}.${pod.namespace}~${pod.namespace}.svc.cluster.local`;
  const delta = pod.xds === 'delta';
  return {
    node: {
      id,
      cluster: `${pod.labels.app}.${pod.namespace}`,
      metadata: {
        NAME: pod.name,
        NAMESPACE: pod.namespace,
        SERVICE_ACCOUNT: pod.serviceAccount,
        CLUSTER_ID: CLUSTER,
        INSTANCE_IPS: pod.address,
        LABELS: pod.labels,
        ISTIO_VERSION: '1.28.0',
        ISTHMUS_CLUSTER_STATS: 'none',
        ISTHMUS_SDS_DIR: sdsDir,
        ...(delta && { VIRTUAL_HOST_DISCOVERY: true }),
      },
    },
    admin: { address: socket('127.0.0.1', ADMIN_PORT) },
    ...ON_DEMAND,
    dynamic_resources: {
      lds_config: ADS,
      cds_config: ADS,
      ads_config: {
        api_type: delta ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
      },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds-grpc',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'xds-grpc',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(control.address, control.port) } }] }],
          },
        },
      ],
    },
  };
}

const ADS = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };

const socket = (address: string, port: number) => ({ socket_address: { address, port_value: port } });
