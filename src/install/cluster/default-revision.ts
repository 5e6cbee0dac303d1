// Which revision serves namespaces that ask for injection without naming one (`istio-injection=enabled`).
import { read } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import { type Installation, REVISION_LABEL } from '../installation.ts';
import { listAt, type Manifest, objectAt } from '../json.ts';
import { mergeObjects } from '../merge.ts';

export interface DefaultRevisionOptions {
  readonly api: ApiClient;
  readonly installation: Installation;
  readonly signal?: AbortSignal;
}

/**
 * A named revision becomes the default one when the cluster has no other: otherwise the label that everybody knows would
 * do nothing. The installation then has the tag `default`; unchanged in every other case.
 */
export async function withDefaultRevision({
  api,
  installation,
  signal,
}: DefaultRevisionOptions): Promise<Installation> {
  const pilot = objectAt(installation.spec, 'components.pilot').enabled === true;
  const tags = listAt(installation.values, 'revisionTags');
  if (!pilot || !installation.revision || tags.includes('default')) return installation;
  const hook = (name: string) => {
    const metadata = { name };
    return read<Manifest>(
      api,
      { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration', metadata },
      signal,
    );
  };
  const [unnamed, tag] = await Promise.all([hook('istio-sidecar-injector'), hook('istio-revision-tag-default')]);
  const other =
    unnamed ?? (tag && objectAt(tag, 'metadata.labels')[REVISION_LABEL] !== installation.revision ? tag : undefined);
  if (other) return installation;
  const values = mergeObjects(installation.values, { revisionTags: [...tags, 'default'] });
  return { ...installation, values, spec: { ...installation.spec, values } };
}
