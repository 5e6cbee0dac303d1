// What the control plane may do in its own cluster.
import { controlNamespace, type Installation, labelsOf, pullSecrets, revisionSuffix } from '../installation.ts';
import { type Manifest, objectAt } from '../json.ts';
import { ROOT_CERT } from './base.ts';
import { grant, rule, serviceAccount } from './rbac.ts';

const READ = 'get list watch';
const ISTIO = ['networking.istio.io', 'security.istio.io', 'telemetry.istio.io', 'extensions.istio.io'];
/** Resources of those groups whose status the control plane writes; RBAC knows no `*` + `/status`. */
const WITH_STATUS = [
  'authorizationpolicies',
  'destinationrules',
  'envoyfilters',
  'gateways',
  'peerauthentications',
  'proxyconfigs',
  'requestauthentications',
  'serviceentries',
  'sidecars',
  'telemetries',
  'virtualservices',
  'wasmplugins',
  'workloadentries',
  'workloadgroups',
].map((resource) => `${resource}/status`);

/** ServiceAccount `istiod`, its ClusterRole and its Role, each with the binding. */
export function pilotAccess(installation: Installation): Manifest[] {
  const namespace = controlNamespace(installation);
  const suffix = revisionSuffix(installation);
  const labels = labelsOf(installation, 'Pilot', { app: 'istiod', 'app.kubernetes.io/name': 'istiod' });
  const account = { name: `istiod${suffix}`, namespace };
  const annotations = objectAt(installation.values, 'pilot.serviceAccountAnnotations');
  const cluster = [
    rule([''], ['services', 'endpoints', 'pods', 'nodes', 'namespaces'], READ),
    rule(['discovery.k8s.io'], ['endpointslices'], READ),
    rule(['apps'], ['replicasets', 'deployments', 'daemonsets', 'statefulsets'], READ),
    rule(ISTIO, ['*'], READ),
    rule(ISTIO, WITH_STATUS, 'update patch'),
    rule(['networking.istio.io'], ['workloadentries'], 'create update patch delete'),
    rule(['networking.k8s.io'], ['ingresses', 'ingressclasses'], READ),
    rule(['networking.k8s.io'], ['ingresses/status'], 'update patch'),
    rule(['gateway.networking.k8s.io'], ['*'], READ),
    rule(['multicluster.x-k8s.io'], ['serviceexports', 'serviceimports'], READ),
    rule(['apiextensions.k8s.io'], ['customresourcedefinitions'], READ),
    // Gateways may stand in any namespace, and their certificates stand beside them.
    rule([''], ['secrets'], READ),
    // The mesh's root certificate in every namespace.
    rule([''], ['configmaps'], 'create'),
    rule([''], ['configmaps'], `${READ} update patch`, [ROOT_CERT]),
    rule(
      ['admissionregistration.k8s.io'],
      ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      `${READ} update patch`,
    ),
    rule(['authentication.k8s.io'], ['tokenreviews'], 'create'),
    rule(['authorization.k8s.io'], ['subjectaccessreviews'], 'create'),
    rule([''], ['events'], 'create patch'),
  ];
  const own = [
    rule([''], ['secrets'], `create ${READ} update patch delete`),
    rule([''], ['configmaps'], `create ${READ} update patch delete`),
    rule(['coordination.k8s.io'], ['leases'], `create ${READ} update patch`),
    // To see whether the validation webhook answers: a dry-run create that must be refused.
    rule(['networking.istio.io'], ['gateways'], 'create'),
  ];
  return [
    serviceAccount(
      { ...account, labels, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
      pullSecrets(installation.values),
    ),
    ...grant({ name: `istiod-clusterrole${suffix}-${namespace}`, labels, rules: cluster, account }),
    ...grant({ name: `istiod${suffix}`, namespace, labels, rules: own, account }),
  ];
}
