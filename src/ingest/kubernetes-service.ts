// The Service objects of one name and namespace in several clusters → one service of the mesh.
import { refOf, splitKey } from '../kinds/object.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { DefaultExports } from './mesh-config.ts';
import { portProtocol } from './protocol.ts';
import { exportToOf, type FoundService } from './services.ts';
import { visibilityOf } from './visibility.ts';

/**
 * Merges Services of one name. The config cluster's object speaks first, then the others by cluster name: ports that
 * only a later one has are added, so a port is never lost because of where it was declared.
 */
export function fromKubernetes(options: {
  host: string;
  objects: readonly FoundService[];
  exports: DefaultExports;
  clusterLocal: boolean;
  configCluster: string;
}): Service {
  const { host, exports, clusterLocal, configCluster } = options;
  const rank = (key: string) => (splitKey(key).cluster === configCluster ? 0 : 1);
  const objects = [...options.objects].sort((a, b) => rank(a.key) - rank(b.key) || (a.key < b.key ? -1 : 1));
  const first = objects[0]!;
  const { meta } = first.value;
  const ports = new Map<number, ServicePort>();
  for (const { value } of objects) {
    for (const p of value.ports) {
      if (ports.has(p.port) || p.transport === 'SCTP') continue;
      const protocol = portProtocol(p);
      ports.set(p.port, { name: p.name, port: p.port, protocol, targetPort: p.targetPort });
    }
  }
  // Headless in one cluster only: an address in another cluster still works, so it is a normal service.
  const headless = objects.every((o) => o.value.headless);
  const alias = first.value.type === 'ExternalName';
  return {
    host,
    name: meta.name,
    namespace: meta.namespace,
    ports: [...ports.values()],
    resolution: alias ? 'alias' : headless ? 'passthrough' : 'static',
    externalName: first.value.externalName,
    addresses: perCluster(objects, (v) => (v.clusterIps.length > 0 ? v.clusterIps : undefined)),
    clusters: objects.map((o) => splitKey(o.key).cluster).sort(),
    headless,
    external: false,
    visibility: visibilityOf(exportToOf(first.value), meta.namespace, exports.service),
    selectors: perCluster(objects, (v) => v.selector),
    labels: meta.labels,
    subjectAltNames: accounts(meta.annotations['alpha.istio.io/canonical-serviceaccounts']),
    publishNotReady: objects.some((o) => o.value.publishNotReady),
    nodeLocal: first.value.nodeLocal,
    clientAffinity: first.value.clientAffinity,
    clusterLocal,
    source: refOf('Service', first.key),
    created: meta.created,
  };
}

function perCluster<V>(
  objects: readonly FoundService[],
  of: (value: FoundService['value']) => V | undefined,
): Readonly<Record<string, V>> {
  const entries = objects.flatMap((o) => {
    const value = of(o.value);
    return value === undefined ? [] : [[splitKey(o.key).cluster, value] as const];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function accounts(list: string | undefined): string[] {
  return list
    ? list
        .split(',')
        .map((a) => a.trim())
        .filter(Boolean)
        .map((a) => (a.startsWith('spiffe://') ? a : `spiffe://${a}`))
    : [];
}
