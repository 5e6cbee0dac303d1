// Secrets served over ADS: credentials of gateways from Kubernetes Secrets, and certificates mounted as files in the proxy.
import { dirname } from 'node:path/posix';
import {
  SecretSchema as Schema,
  type SecretSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { Graph } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import type { Init } from './any.ts';
import { type GatewayViews, gatewayScopes } from './gateway/views.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from './resource.ts';

type SecretInit = Init<typeof SecretSchema>;
type Data = Readonly<Record<string, string>>;

/** Trust anchors of the proxy's image, for `file-root:system`. */
const SYSTEM_ROOTS = '/etc/ssl/certs/ca-certificates.crt';

/**
 * By name only. A gateway gets those Secrets of its own namespace that a server of one of its Gateways (or some
 * DestinationRule, for TLS that it originates) names as credential; sidecars get none: private keys that are not theirs are
 * none of their business. Unknown names stay unanswered, so Envoy keeps waiting and takes the Secret once it is there.
 */
export function secretPart(graph: Graph, mesh: Mesh, gateways: Pick<GatewayViews, 'scope' | 'listeners'>): Part {
  const byCredential = graph.index(mesh.inputs.destinationRule, 'destinationRuleByCredential', ({ spec }) =>
    [spec.trafficPolicy, ...spec.subsets.map(({ trafficPolicy }) => trafficPolicy)].flatMap((policy) => [
      ...credential(policy?.tls?.credentialName),
      ...(policy?.portLevelSettings ?? []).flatMap(({ tls }) => credential(tls?.credentialName)),
    ]),
  );
  const served = graph.derived('gatewayCredentials', (scope: string, read): readonly string[] =>
    read(gateways.listeners, scope).flatMap(({ servers }) =>
      servers.flatMap(({ server }) => (server.tls?.credentialNames ?? []).flatMap(credential)),
    ),
  );
  return {
    name: 'secrets',
    scope: gateways.scope,
    get: graph.derived(
      'secret',
      ({ scope, name }: ScopedName, read): Encoded | undefined => {
        const file = fileSecret(name);
        if (file) return encode(name, Schema, { name, ...file });
        if (scope === '') return undefined;
        const own = credential(name)[0] ?? '';
        const base = own.replace(/-cacert$/, '');
        const names = read(served, scope);
        const asked = [own, base].some((one) => names.includes(one) || read(byCredential, one).length > 0);
        if (!asked) return undefined;
        const { namespace } = gatewayScopes(scope);
        const secret = (key: string): Data | undefined =>
          read(mesh.inputs.secret, `${mesh.configCluster}/${namespace}/${key}`)?.data;
        const init = kubernetesSecret(name, namespace, secret);
        return init && encode(name, Schema, { name, ...init });
      },
      { id: scopedNameId, equal: sameEncoded },
    ),
  };
}

/** The Secret that a resource of this name is made of; undefined for resources that come from elsewhere. */
export const kubernetesSecretName = (resource: string): string | undefined =>
  resource.startsWith('kubernetes://') ? credential(resource)[0] : undefined;

/** The Secret's own name in a credential as written: `name`, `kubernetes://name` or `kubernetes://namespace/name`. */
const credential = (written: string | undefined): string[] =>
  written ? [written.slice(written.lastIndexOf('/') + 1)] : [];

/** `file-cert:certificate~key` and `file-root:bundle`: Envoy reads and watches the files itself. */
export function fileSecret(name: string): SecretInit | undefined {
  if (name.startsWith('file-root:')) {
    const path = name.slice('file-root:'.length);
    const file = path === 'system' ? SYSTEM_ROOTS : path;
    return {
      type: {
        case: 'validationContext',
        value: { trustedCa: fromFile(file), watchedDirectory: { path: dirname(file) } },
      },
    };
  }
  if (!name.startsWith('file-cert:')) return undefined;
  const [certificate = '', key = ''] = name.slice('file-cert:'.length).split('~');
  return {
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: fromFile(certificate),
        privateKey: fromFile(key),
        watchedDirectory: { path: dirname(certificate) },
      },
    },
  };
}

/** `kubernetes://name`, `kubernetes://namespace/name`, each also with `-cacert`. */
export function kubernetesSecret(
  name: string,
  namespace: string,
  secret: (name: string) => Data | undefined,
): SecretInit | undefined {
  if (!name.startsWith('kubernetes://')) return undefined;
  const path = name.slice('kubernetes://'.length).split('/');
  const own = path.at(-1)!;
  if (path.length > 1 && path[0] !== namespace) return undefined;
  const data = secret(own);
  if (!own.endsWith('-cacert')) return data && certificateOf(data);
  const roots = data ?? secret(own.slice(0, -'-cacert'.length));
  return roots && rootsOf(roots);
}

/** Both the keys of `kubernetes.io/tls` and Istio's generic ones are read. */
function certificateOf(data: Data): SecretInit | undefined {
  const chain = data['tls.crt'] ?? data.cert;
  const key = data['tls.key'] ?? data.key;
  if (!chain || !key) return undefined;
  const staple = data['tls.ocsp-staple'];
  return {
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: inline(chain),
        privateKey: inline(key),
        ...(staple && { ocspStaple: inline(staple) }),
      },
    },
  };
}

function rootsOf(data: Data): SecretInit | undefined {
  const roots = data['ca.crt'] ?? data.cacert;
  const revoked = data['ca.crl'] ?? data.crl;
  if (!roots) return undefined;
  return {
    type: {
      case: 'validationContext',
      value: { trustedCa: inline(roots), ...(revoked && { crl: inline(revoked) }) },
    },
  };
}

const fromFile = (path: string) => ({ specifier: { case: 'filename' as const, value: path } });

const inline = (base64: string) => ({
  specifier: { case: 'inlineBytes' as const, value: new Uint8Array(Buffer.from(base64, 'base64')) },
});
