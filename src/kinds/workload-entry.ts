// Istio WorkloadEntry.
import { type WorkloadEntry, WorkloadEntrySchema } from '../gen/networking/v1alpha3/workload_entry_pb.js';
import type { Problem } from '../model/problem.ts';
import { checkLabels, Findings, isAddress, isHost, isPort } from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type WorkloadEntryConfig = Config<WorkloadEntry>;

export const workloadEntryKind = istioKind({
  id: 'workloadEntry',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'WorkloadEntry',
  plural: 'workloadentries',
  schema: WorkloadEntrySchema,
  check(spec) {
    const f = new Findings();
    f.require(
      spec.address !== '' || spec.network !== '',
      'missing-field',
      'spec.address',
      'Give an address (or a network).',
    );
    checkWorkload(f, spec, 'spec');
    return f.problems;
  },
});

/** The parts that a WorkloadGroup's template shares. */
export function checkWorkload(f: Findings, spec: WorkloadEntry, path: string): Problem[] {
  const { address } = spec;
  if (address.startsWith('unix://')) {
    f.require(
      address.startsWith('unix:///'),
      'bad-address',
      `${path}.address`,
      'The path of a Unix socket must be absolute.',
    );
    f.require(Object.keys(spec.ports).length === 0, 'conflict', `${path}.ports`, 'A Unix socket has no ports.');
  } else if (address !== '') {
    f.require(
      isAddress(address) || isHost(address),
      'bad-address',
      `${path}.address`,
      `"${address}" is neither an address nor a host name.`,
    );
  }
  for (const [name, port] of Object.entries(spec.ports)) {
    f.require(isPort(port), 'bad-port', `${path}.ports.${name}`, 'A port is a number from 1 to 65535.');
  }
  f.require(
    !/\s/.test(spec.serviceAccount),
    'bad-name',
    `${path}.serviceAccount`,
    'A service account has no spaces in its name.',
  );
  checkLabels(f, spec.labels, `${path}.labels`);
  return f.problems;
}
