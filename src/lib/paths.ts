// Where things are: files inside a pod that the agent and the control plane must agree on, and the cache outside the checkout.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The proxy's own writable directory: a memory volume (`istio-envoy`) that injection mounts. */
export const PROXY_DIR = '/etc/istio/proxy';

/** DiscoveryResponse files that Envoy watches: `default.yaml` (the workload's certificate) and `ROOTCA.yaml` (trust anchors). */
export const SDS_DIR = `${PROXY_DIR}/sds`;

/** The agent's own copy of the identity, for a restart of the container. Below the memory volume, so that a key never reaches a disk. */
export const CERT_DIR = `${PROXY_DIR}/certs`;

/** Names of the two SDS resources that generated TLS contexts refer to. */
export const SDS_DEFAULT = 'default';
export const SDS_ROOT = 'ROOTCA';

/** Certificates that something else provides (a CSI driver, SPIRE); when present the agent asks no CA. As in Istio. */
export const WORKLOAD_CREDENTIALS_DIR = '/var/run/secrets/workload-spiffe-credentials';

/** Pod labels and annotations from the downward API (volume `istio-podinfo`). */
export const POD_INFO_DIR = '/etc/istio/pod';

/** The mesh's trust anchors (ConfigMap `istio-ca-root-cert`). */
export const ROOT_CERT_FILE = '/var/run/secrets/istio/root-cert.pem';

/** The projected service account token with audience `istio-ca`. Kubernetes rotates it: read it for every use. */
export const TOKEN_FILE = '/var/run/secrets/tokens/istio-token';

/** Path config source of one SDS resource; `dir` replaces SDS_DIR in standalone runs and tests. */
export function sdsFile(resource: string, dir = SDS_DIR): string {
  return `${dir}/${resource}.yaml`;
}

/** The directory for downloads and build results, by `ISTHMUS_CACHE`, `XDG_CACHE_HOME` or `~/.cache/isthmus`. */
export function cacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env.ISTHMUS_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'isthmus');
}
