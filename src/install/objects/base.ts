// Component Base: the API types and the account by which a control plane in another cluster reads this one.
import { type Installation, labelsOf, pullSecrets } from '../installation.ts';
import { flagAt, type JsonObject, listAt, type Manifest } from '../json.ts';
import { grant, rule, serviceAccount } from './rbac.ts';

export const READER = 'istio-reader-service-account';
/** The ConfigMap with the mesh's root certificate, in every namespace of every cluster. */
export const ROOT_CERT = 'istio-ca-root-cert';
const READ = 'get list watch';

/** CRDs, then the reader. `crds` are the CustomResourceDefinitions of the pinned istio.io/api. */
export function baseObjects(installation: Installation, crds: readonly Manifest[]): Manifest[] {
  const excluded = listAt(installation.values, 'base.excludedCRDs');
  const own = flagAt(installation.values, 'base.enableIstioConfigCRDs', true) ? crds : [];
  const reader = flagAt(installation.values, 'global.enableReaderRBAC', true);
  return [
    ...own.filter(({ metadata }) => !excluded.includes(metadata.name)).map((crd) => labelled(installation, crd)),
    ...(reader ? readerObjects(installation) : []),
  ];
}

function labelled(installation: Installation, crd: Manifest): Manifest {
  const labels = { ...(crd.metadata.labels as JsonObject), ...labelsOf(installation, 'Base') };
  return { ...crd, metadata: { ...crd.metadata, labels } };
}

/**
 * `istio-reader-service-account` and what it may do: discover services and workloads, review its own cluster's tokens,
 * publish the mesh's root certificate and keep the injection webhooks' `caBundle` right. It reads no Secrets.
 */
export function readerObjects(installation: Installation, account = READER): Manifest[] {
  const { namespace } = installation;
  const labels = labelsOf(installation, 'Base', { app: 'istio-reader' });
  const name = account === READER ? `istio-reader-clusterrole-${namespace}` : `${account}-${namespace}`;
  const rules = [
    rule([''], ['services', 'pods', 'nodes', 'namespaces'], READ),
    rule(['discovery.k8s.io'], ['endpointslices'], READ),
    rule(['authentication.k8s.io'], ['tokenreviews'], 'create'),
    rule([''], ['configmaps'], 'create'),
    rule([''], ['configmaps'], `${READ} update patch`, [ROOT_CERT]),
    rule(
      ['admissionregistration.k8s.io'],
      ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      `${READ} update patch`,
    ),
  ];
  return [
    serviceAccount({ name: account, namespace, labels }, pullSecrets(installation.values)),
    ...grant({ name, labels, rules, account: { name: account, namespace } }),
  ];
}
