// Istio ServiceEntry.
import {
  ServiceEntry_Resolution as Resolution,
  type ServiceEntry,
  ServiceEntrySchema,
} from '../gen/networking/v1alpha3/service_entry_pb.js';
import type { Problem } from '../model/problem.ts';
import {
  checkExportTo,
  checkPort,
  checkSelector,
  Findings,
  isAddress,
  isCidr,
  isHost,
  isPort,
  isWildcardHost,
} from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type ServiceEntryConfig = Config<ServiceEntry>;

export const serviceEntryKind = istioKind({
  id: 'serviceEntry',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'ServiceEntry',
  plural: 'serviceentries',
  schema: ServiceEntrySchema,
  check,
});

function check(spec: ServiceEntry): Problem[] {
  const f = new Findings();
  f.require(spec.hosts.length > 0, 'missing-field', 'spec.hosts', 'Give at least one host.');
  for (const [i, host] of spec.hosts.entries()) {
    const path = `spec.hosts[${i}]`;
    f.require(isWildcardHost(host), 'bad-host', path, `"${host}" is no host name.`);
    f.require(host !== '*', 'bad-host', path, 'A service cannot be called "*"; name a domain, e.g. "*.example.com".');
  }
  for (const [i, address] of spec.addresses.entries()) {
    const path = `spec.addresses[${i}]`;
    f.require(isCidr(address), 'bad-address', path, `"${address}" is no address or CIDR.`);
    const range = address.includes('/') && !/\/(32|128)$/.test(address);
    const listed = spec.resolution === Resolution.NONE || spec.resolution === Resolution.STATIC;
    f.require(!range || listed, 'bad-address', path, 'A range of addresses needs resolution NONE or STATIC.');
  }
  const byName = new Set<string>();
  const byNumber = new Set<number>();
  f.require(spec.ports.length > 0 || spec.hosts.length === 0, 'missing-field', 'spec.ports', 'Give at least one port.');
  for (const [i, port] of spec.ports.entries()) {
    const path = `spec.ports[${i}]`;
    checkPort(f, { ...port, protocol: port.protocol || 'TCP' }, path);
    f.require(!byName.has(port.name), 'duplicate', `${path}.name`, `There are two ports "${port.name}".`);
    f.require(!byNumber.has(port.number), 'duplicate', `${path}.number`, `There are two ports ${port.number}.`);
    f.require(
      port.targetPort === 0 || isPort(port.targetPort),
      'bad-port',
      `${path}.targetPort`,
      'A port is a number from 1 to 65535.',
    );
    byName.add(port.name);
    byNumber.add(port.number);
  }
  if (spec.workloadSelector) {
    f.require(
      spec.endpoints.length === 0,
      'conflict',
      'spec.endpoints',
      'Give either endpoints or a workloadSelector.',
    );
    checkSelector(f, spec.workloadSelector.labels, 'spec.workloadSelector.labels');
  }
  checkResolution(f, spec, byName);
  checkExportTo(f, spec.exportTo);
  return f.problems;
}

function checkResolution(f: Findings, spec: ServiceEntry, ports: ReadonlySet<string>): void {
  const { resolution, endpoints } = spec;
  const dns = resolution === Resolution.DNS || resolution === Resolution.DNS_ROUND_ROBIN;
  f.require(
    resolution !== Resolution.NONE || endpoints.length === 0,
    'conflict',
    'spec.endpoints',
    'With resolution NONE traffic goes where the caller dialled; endpoints cannot be given.',
  );
  f.require(
    resolution !== Resolution.DNS_ROUND_ROBIN || endpoints.length <= 1,
    'conflict',
    'spec.endpoints',
    'DNS_ROUND_ROBIN takes one endpoint at most.',
  );
  if (dns && endpoints.length === 0 && !spec.workloadSelector) {
    for (const [i, host] of spec.hosts.entries()) {
      f.require(
        isHost(host),
        'bad-host',
        `spec.hosts[${i}]`,
        `"${host}" cannot be resolved; name endpoints or a host without "*".`,
      );
    }
  }
  f.require(
    !(dns && spec.workloadSelector),
    'conflict',
    'spec.workloadSelector',
    'Selected workloads have addresses: use resolution STATIC.',
  );
  for (const [i, endpoint] of endpoints.entries()) {
    const path = `spec.endpoints[${i}]`;
    const { address } = endpoint;
    const socket = address.startsWith('unix://');
    if (resolution === Resolution.STATIC) {
      const elsewhere = address === '' && endpoint.network !== '';
      f.require(
        socket || isAddress(address) || elsewhere,
        'bad-address',
        `${path}.address`,
        `With resolution STATIC "${address}" must be an IP address.`,
      );
    } else if (dns) {
      f.require(
        isAddress(address) || isHost(address),
        'bad-address',
        `${path}.address`,
        `"${address}" is neither an address nor a host name.`,
      );
    }
    f.require(
      !socket || Object.keys(endpoint.ports).length === 0,
      'conflict',
      `${path}.ports`,
      'A Unix socket has no ports.',
    );
    for (const [name, port] of Object.entries(endpoint.ports)) {
      f.require(ports.has(name), 'bad-port', `${path}.ports.${name}`, `The entry has no port "${name}".`);
      f.require(isPort(port), 'bad-port', `${path}.ports.${name}`, 'A port is a number from 1 to 65535.');
    }
  }
}
