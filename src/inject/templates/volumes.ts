// Volumes of a proxy pod and where the proxy container mounts them. Names and paths are Istio's.
import { POD_INFO_DIR, PROXY_DIR, WORKLOAD_CREDENTIALS_DIR } from '../../lib/paths.ts';
import { userVolumes } from '../annotations.ts';
import type { JsonObject } from '../json.ts';
import type { NamedObject } from '../pod.ts';
import { annotationsOf } from '../pod.ts';
import type { TemplateInput } from './input.ts';

/** Volumes of the pod. */
export function proxyVolumes(input: TemplateInput, type: 'sidecar' | 'router'): NamedObject[] {
  const { global, pilot } = input.values;
  const annotations = annotationsOf(input.pod);
  const bootstrap = annotations['sidecar.istio.io/bootstrapOverride'];
  const volumes: (NamedObject | undefined)[] = [
    { name: 'workload-socket', emptyDir: {} },
    { name: 'credential-socket', emptyDir: {} },
    { name: 'workload-certs', emptyDir: {} },
    bootstrap ? { name: 'custom-bootstrap-volume', configMap: { name: bootstrap } } : undefined,
    { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
    { name: 'istio-data', emptyDir: {} },
    {
      name: 'istio-podinfo',
      downwardAPI: {
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
        ],
      },
    },
    { name: 'istio-token', projected: { sources: [{ serviceAccountToken: token(global.sds.token.aud) }] } },
    global.pilotCertProvider === 'istiod'
      ? { name: 'istiod-ca-cert', configMap: { name: global.trustBundleName } }
      : undefined,
    type === 'sidecar'
      ? { name: 'istio-ca-crl', configMap: { name: pilot.crlConfigMapName, optional: true } }
      : undefined,
    global.mountMtlsCerts
      ? { name: 'istio-certs', secret: { secretName: certificateSecret(input), optional: true } }
      : undefined,
  ];
  const own = type === 'sidecar' ? annotations['sidecar.istio.io/userVolume'] : undefined;
  return [...volumes.filter((volume) => volume !== undefined), ...(own ? (userVolumes(own) as NamedObject[]) : [])];
}

/** Mounts of the proxy container. */
export function proxyMounts(input: TemplateInput, type: 'sidecar' | 'router'): JsonObject[] {
  const { global } = input.values;
  const annotations = annotationsOf(input.pod);
  const provided = global.pilotCertProvider === 'istiod';
  const mounts: (JsonObject | undefined)[] = [
    { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' },
    { name: 'credential-socket', mountPath: '/var/run/secrets/credential-uds' },
    { name: 'workload-certs', mountPath: WORKLOAD_CREDENTIALS_DIR },
    provided ? { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' } : undefined,
    provided && type === 'sidecar' ? { name: 'istio-ca-crl', mountPath: '/var/run/secrets/istio/crl' } : undefined,
    { name: 'istio-data', mountPath: '/var/lib/istio/data' },
    annotations['sidecar.istio.io/bootstrapOverride']
      ? { name: 'custom-bootstrap-volume', mountPath: '/etc/istio/custom-bootstrap' }
      : undefined,
    { name: 'istio-envoy', mountPath: PROXY_DIR },
    { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
    global.mountMtlsCerts ? { name: 'istio-certs', mountPath: '/etc/certs/', readOnly: true } : undefined,
    { name: 'istio-podinfo', mountPath: POD_INFO_DIR },
  ];
  const own = type === 'sidecar' ? annotations['sidecar.istio.io/userVolumeMount'] : undefined;
  return [...mounts.filter((mount) => mount !== undefined), ...(own ? (userVolumes(own) as JsonObject[]) : [])];
}

/** Twelve hours, as in Istio; the kubelet rotates the token long before. */
function token(audience: string): JsonObject {
  return { path: 'istio-token', expirationSeconds: 43200, audience };
}

function certificateSecret(input: TemplateInput): string {
  return `istio.${input.pod.spec?.serviceAccountName || 'default'}`;
}
