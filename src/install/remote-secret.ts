// The Secret that tells a control plane how to reach another cluster's API server.
import { isIP } from 'node:net';
import { stringify } from 'yaml';
import type { Manifest } from './json.ts';

export interface RemoteSecretInput {
  /** The cluster's name in the mesh. */
  readonly name: string;
  readonly server: string;
  readonly token: string;
  /** PEM. */
  readonly ca: string;
  /** Where the control plane reads it; normally istio-system. */
  readonly namespace: string;
}

/** Secret `istio-remote-secret-<name>` with a kubeconfig under the cluster's name, labelled as Istio labels it. */
export function remoteSecret({ name, server, token, ca, namespace }: RemoteSecretInput): Manifest {
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
    preferences: {},
    users: [{ name, user: { token } }],
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: `istio-remote-secret-${name}`,
      namespace,
      annotations: { 'networking.istio.io/cluster': name },
      labels: { 'istio/multiCluster': 'true' },
    },
    stringData: { [name]: stringify(kubeconfig) },
  };
}

/** True when only this very machine can reach the server: 127.0.0.0/8, ::1, localhost, 0.0.0.0. */
export function isLoopback(server: string): boolean {
  if (!URL.canParse(server)) return false;
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  if (isIP(host) === 4) return host.startsWith('127.') || host === '0.0.0.0';
  return isIP(host) === 6 && (host === '::1' || host === '::' || host.startsWith('::ffff:7f'));
}

/** Why a name cannot name a cluster in the mesh; undefined when it can. */
export function badClusterName(name: string): string | undefined {
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) && name.length <= 200) return undefined;
  return `${JSON.stringify(name)} cannot name a cluster: use lower-case letters, digits, '-' and '.', as in a DNS name`;
}
