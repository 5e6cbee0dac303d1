// Kubeconfigs, as data: JSON is YAML, so nothing else is needed to write them.
import type { KeyPair } from './pki.ts';

/** One context of a kubeconfig. */
export interface KubeconfigEntry {
  /** Name of the context, and of its cluster. */
  readonly name: string;
  readonly user: string;
  readonly server: string;
  readonly ca: string;
  readonly client: KeyPair;
}

/** A kubeconfig with one context an entry; the first is the current one. */
export function kubeconfig(entries: readonly KubeconfigEntry[]): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': entries[0]?.name ?? '',
    clusters: entries.map(({ name, server, ca }) => ({
      name,
      cluster: { server, 'certificate-authority-data': base64(ca) },
    })),
    users: entries.map(({ user, client }) => ({
      name: user,
      user: { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key) },
    })),
    contexts: entries.map(({ name, user }) => ({ name, context: { cluster: name, user } })),
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
