// Cluster DNS: CoreDNS as a Deployment behind the Service kube-dns, answering for the cluster and for nothing outside.
import type { ClusterPlan } from './plan.ts';

/** Name of CoreDNS's image in the lab. */
export const COREDNS_IMAGE = 'isthmus.local/lab/coredns:1';

/** A template would answer before `kubernetes` in one server block: what lies outside has its own. */
const COREFILE = `(common) {
  errors
  cache 5 {
    disable denial
  }
  loadbalance
}
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
  import common
  health :8080
  ready :8181
  prometheus :9153
  reload 5s
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    ttl 5
  }
}
.:53 {
  import common
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`;

const metadata = { name: 'coredns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } };
const labels = { 'k8s-app': 'kube-dns' };

/** An object to apply, with the path of its collection. */
export interface AppliedObject {
  readonly collection: string;
  readonly object: { readonly metadata: { readonly name: string } } & Readonly<Record<string, unknown>>;
}

/** The objects of cluster DNS. */
export function dnsObjects(cluster: ClusterPlan): AppliedObject[] {
  const core = '/api/v1/namespaces/kube-system';
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const role = { name: 'system:coredns' };
  return [
    { collection: `${core}/serviceaccounts`, object: { apiVersion: 'v1', kind: 'ServiceAccount', metadata } },
    {
      collection: `${rbac}/clusterroles`,
      object: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: role,
        rules: [
          { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
        ],
      },
    },
    {
      collection: `${rbac}/clusterrolebindings`,
      object: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: role,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role.name },
        subjects: [{ kind: 'ServiceAccount', name: metadata.name, namespace: metadata.namespace }],
      },
    },
    {
      collection: `${core}/configmaps`,
      object: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: COREFILE } },
    },
    {
      collection: `${core}/services`,
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { ...metadata, name: 'kube-dns' },
        spec: {
          clusterIP: cluster.dnsServiceAddress,
          selector: labels,
          ports: [
            { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
            { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
            { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
          ],
        },
      },
    },
    {
      collection: '/apis/apps/v1/namespaces/kube-system/deployments',
      object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deploymentSpec() },
    },
  ];
}

function deploymentSpec(): object {
  return {
    replicas: 1,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: metadata.name,
        priorityClassName: 'system-cluster-critical',
        dnsPolicy: 'Default',
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            name: 'coredns',
            image: COREDNS_IMAGE,
            imagePullPolicy: 'IfNotPresent',
            args: ['-conf', '/etc/coredns/Corefile'],
            ports: [
              { containerPort: 53, name: 'dns', protocol: 'UDP' },
              { containerPort: 53, name: 'dns-tcp', protocol: 'TCP' },
              { containerPort: 9153, name: 'metrics', protocol: 'TCP' },
            ],
            volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
            readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
            livenessProbe: { httpGet: { path: '/health', port: 8080 }, initialDelaySeconds: 30, failureThreshold: 5 },
          },
        ],
        volumes: [{ name: 'config', configMap: { name: metadata.name } }],
      },
    },
  };
}
