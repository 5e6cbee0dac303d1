// ServiceEntries that declare one host in one namespace → a service of the mesh.
import {
  ServiceEntry_Resolution as EntryResolution,
  ServiceEntry_Location as Location,
} from '../gen/networking/v1alpha3/service_entry_pb.js';
import { refOf } from '../kinds/object.ts';
import type { Resolution, Service, ServicePort } from '../model/service.ts';
import type { DefaultExports } from './mesh-config.ts';
import { namedProtocol } from './protocol.ts';
import type { FoundEntry } from './services.ts';
import { visibilityOf } from './visibility.ts';

const RESOLUTION: Readonly<Record<EntryResolution, Resolution>> = {
  [EntryResolution.NONE]: 'passthrough',
  [EntryResolution.STATIC]: 'static',
  [EntryResolution.DNS]: 'dns',
  [EntryResolution.DNS_ROUND_ROBIN]: 'dns-round-robin',
  [EntryResolution.DYNAMIC_DNS]: 'dns',
};

/** The oldest entry speaks; younger ones of the same resolution add ports. */
export function fromServiceEntries(options: {
  host: string;
  entries: readonly FoundEntry[];
  exports: DefaultExports;
}): Service {
  const entries = [...options.entries].sort(
    (a, b) => compare(a.value.meta.created, b.value.meta.created) || compare(a.key, b.key),
  );
  const { key, value } = entries[0]!;
  const { meta, spec } = value;
  const same = entries.filter((e) => e.value.spec.resolution === spec.resolution);
  const ports = new Map<number, ServicePort>();
  for (const p of same.flatMap((e) => e.value.spec.ports)) {
    if (ports.has(p.number)) continue;
    const target = p.targetPort && p.targetPort !== p.number ? String(p.targetPort) : '';
    ports.set(p.number, { name: p.name, port: p.number, protocol: namedProtocol(p.protocol), targetPort: target });
  }
  return {
    host: options.host,
    name: meta.name,
    namespace: meta.namespace,
    ports: [...ports.values()],
    resolution: RESOLUTION[spec.resolution],
    externalName: '',
    // Addresses of a host with several hosts in one entry are shared, as the API has no way to tell them apart.
    addresses: spec.addresses.length > 0 ? { '': spec.addresses } : {},
    clusters: [],
    headless: false,
    external: spec.location === Location.MESH_EXTERNAL,
    visibility: visibilityOf(spec.exportTo, meta.namespace, options.exports.service),
    selectors: spec.workloadSelector ? { '': spec.workloadSelector.labels } : {},
    labels: meta.labels,
    subjectAltNames: spec.subjectAltNames,
    publishNotReady: false,
    nodeLocal: false,
    clientAffinity: false,
    clusterLocal: false,
    source: refOf('ServiceEntry', key),
    created: meta.created,
  };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
