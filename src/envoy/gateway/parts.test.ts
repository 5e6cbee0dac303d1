// What a gateway proxy is served, from YAML to decoded resources.
import { create, fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.js';
import { TcpProxySchema } from '../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { Graph } from '../../graph/graph.ts';
import { createMesh } from '../../ingest/mesh.ts';
import type { Proxy as MeshProxy } from '../../model/proxy.ts';
import { defineClasses } from '../../view/class.ts';
import { TYPE_URL } from '../resource.ts';
import { defineResources } from '../resources.ts';

const labels = { istio: 'eastwestgateway', app: 'gw' };
const proxy: MeshProxy = {
  id: 'router~10.0.0.9~gw.istio-system~istio-system.svc.cluster.local',
  type: 'router',
  addresses: ['10.0.0.9'],
  instance: 'gw',
  namespace: 'istio-system',
  cluster: 'c1',
  network: '',
  serviceAccount: 'gw',
  labels,
  locality: { region: '', zone: '', subzone: '' },
  node: '',
  domain: 'istio-system.svc.cluster.local',
  version: '1.40.0',
  istioVersion: '',
  metadata: {},
};

function served(yaml: string) {
  const graph = new Graph({ audit: true });
  const mesh = createMesh(graph, { configCluster: 'c1' });
  const classes = defineClasses(graph, mesh);
  const types = defineResources(graph, mesh);
  for (const document of parseAllDocuments(yaml)) mesh.apply('c1', document.toJS());
  const id = classes.classify(proxy);
  const parts = (typeUrl: string) => types.find((type) => type.typeUrl === typeUrl)!.parts;
  const names = (typeUrl: string) =>
    parts(typeUrl)
      .flatMap((part) => (part.list ? graph.read(part.list, graph.read(part.scope, id)) : []))
      .sort();
  const body = (typeUrl: string, name: string): Uint8Array => {
    for (const part of parts(typeUrl)) {
      const found = graph.read(part.get, { scope: graph.read(part.scope, id), name });
      if (found) return found.body;
    }
    throw new Error(`there is no ${name}`);
  };
  return { names, body };
}

const ISTIOD = `
apiVersion: v1
kind: Service
metadata: {name: istiod, namespace: istio-system}
spec:
  clusterIP: 10.1.0.1
  selector: {app: istiod}
  ports: [{name: grpc-xds, port: 15010}, {name: https-dns, port: 15012}, {name: https-webhook, port: 443, targetPort: 15017}]
---
apiVersion: v1
kind: Service
metadata: {name: istio-eastwestgateway, namespace: istio-system}
spec:
  clusterIP: 10.1.0.2
  selector: {istio: eastwestgateway}
  ports: [{name: tls-istiod, port: 15012}, {name: tls-webhook, port: 15017}, {name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: istiod-gateway, namespace: default}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - {port: {name: tls-istiod, number: 15012, protocol: tls}, tls: {mode: PASSTHROUGH}, hosts: ["*"]}
  - {port: {name: tls-istiodwebhook, number: 15017, protocol: tls}, tls: {mode: PASSTHROUGH}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: istiod-vs, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istiod-gateway]
  tls:
  - match: [{port: 15012, sniHosts: ["*"]}]
    route: [{destination: {host: istiod.istio-system.svc.cluster.local, port: {number: 15012}}}]
  - match: [{port: 15017, sniHosts: ["*"]}]
    route: [{destination: {host: istiod.istio-system.svc.cluster.local, port: {number: 443}}}]
`;

describe('an east-west gateway that exposes the control plane', () => {
  const { names, body } = served(ISTIOD);

  it('listens on the two ports and passes each on', () => {
    expect(names(TYPE_URL.listener)).toEqual(['0.0.0.0_15012', '0.0.0.0_15017']);
    const listener = fromBinary(ListenerSchema, body(TYPE_URL.listener, '0.0.0.0_15017'));
    expect(listener.filterChains).toHaveLength(1);
    const filter = listener.filterChains[0]!.filters.at(-1)!;
    if (filter.configType.case !== 'typedConfig') throw new Error('the filter has no configuration');
    const tcp = fromBinary(TcpProxySchema, filter.configType.value.value);
    expect(tcp.clusterSpecifier).toEqual({
      case: 'cluster',
      value: 'outbound|443||istiod.istio-system.svc.cluster.local',
    });
  });

  it('has only the clusters that something leads to', () => {
    expect(names(TYPE_URL.cluster)).toEqual([
      'BlackHoleCluster',
      'outbound|15012||istiod.istio-system.svc.cluster.local',
      'outbound|443||istiod.istio-system.svc.cluster.local',
    ]);
    for (const name of names(TYPE_URL.cluster)) expect(() => body(TYPE_URL.cluster, name)).not.toThrow();
  });
});

describe('HTTP servers', () => {
  const { names, body } = served(`${ISTIOD}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web, namespace: app}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - {port: {name: http, number: 80, protocol: HTTP}, hosts: ["app/*.example.com", "other/*"]}
  - {port: {name: https, number: 443, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: cert}, hosts: ["a.example.com"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: app}
spec:
  hosts: [a.example.com, b.example.org]
  gateways: [web]
  http: [{route: [{destination: {host: istiod.istio-system.svc.cluster.local, port: {number: 15010}}}]}]
`);

  it("opens the pod's port for the service's, and names the tables as users know them", () => {
    expect(names(TYPE_URL.listener)).toEqual(['0.0.0.0_15012', '0.0.0.0_15017', '0.0.0.0_443', '0.0.0.0_8080']);
    for (const name of ['http.8080', 'https.443.https.web.app']) {
      const table = fromBinary(RouteConfigurationSchema, body(TYPE_URL.route, name));
      expect(table.virtualHosts.map(({ domains }) => domains)).toEqual([['a.example.com']]);
    }
  });
});

describe('AUTO_PASSTHROUGH', () => {
  const { names, body } = served(`${ISTIOD}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers: [{port: {name: tls, number: 15443, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}, hosts: ["*.local"]}]
`);

  it('has a cluster named as callers ask, over the endpoints that all use', () => {
    const name = 'outbound_.15010_._.istiod.istio-system.svc.cluster.local';
    expect(names(TYPE_URL.cluster)).toContain(name);
    const cluster = fromBinary(ClusterSchema, body(TYPE_URL.cluster, name));
    expect(cluster).toMatchObject({
      name,
      edsClusterConfig: { serviceName: '' },
      transportSocketMatches: create(ClusterSchema).transportSocketMatches,
    });
  });
});
