// Kubernetes Secret: for gateway credentials and remote clusters. Which secrets are watched at all is decided elsewhere.
import { coreKind, record } from './core-kind.ts';
import { readMeta, text } from './meta.ts';
import type { Labels, Meta } from './object.ts';

export interface SecretValue {
  readonly meta: Meta;
  readonly type: string;
  /** Base64, as stored; `stringData` of files is encoded. */
  readonly data: Labels;
}

export const secretKind = coreKind<SecretValue>({
  id: 'secret',
  group: '',
  versions: ['v1'],
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  from: 'config',
  read(raw) {
    const plain = Object.entries(record(raw.stringData)).map(([k, v]) => [
      k,
      Buffer.from(String(v)).toString('base64'),
    ]);
    const data = Object.entries(record(raw.data)).map(([k, v]) => [k, text(v)]);
    return { meta: readMeta(raw), type: text(raw.type), data: Object.fromEntries([...data, ...plain]) };
  },
});
