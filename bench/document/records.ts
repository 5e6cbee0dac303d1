// The records of docs/performance, each with the shape that its measurement gives it.

import type { Sizes } from '../objects.ts';
import type { RoundResult } from '../report.ts';
import { type Recorded, readRecord } from '../results.ts';

export type MeshResult = RoundResult & { readonly sizes: Sizes };

/** `node bench/ingest.ts --record`. */
export interface IngestResult {
  readonly what: string;
  readonly clusters: number;
  readonly pods: number;
  readonly services: number;
  readonly endpoints: number;
  readonly wallMs: number;
  readonly cpuSeconds?: number;
  /** How late a timer of 5 ms came at worst; and without the time in which others had the cores. */
  readonly longestStallMs: number;
  readonly longestStallOwnMs: number;
  readonly stallsOver50Ms: number;
  readonly ownStallsOver50Ms: number;
  /** Of the pods alone, with what the reflector remembers of each. */
  readonly bytesPerPod?: number;
  /** Bytes in use after garbage collection, more than before. */
  readonly kept?: number;
  readonly rss?: number;
  readonly peak?: number;
}

/** `node bench/agent/memory.ts --record`; megabytes of 2^20 bytes. */
export interface AgentResult {
  readonly load: string;
  readonly privateDirtyMb: number;
  readonly rssMb: number;
  readonly pssMb: number;
}

/** `node bench/sidecar.ts --record`. */
export interface SidecarResult {
  readonly path: string;
  readonly requests: number;
  readonly connections: number;
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the proxies, seconds. */
  readonly cpuPer1000: number;
}

/** `node bench/envoy-memory.ts --record`; bytes. */
export interface EnvoyResult {
  readonly what: string;
  readonly allocated: number;
  readonly heapSize: number;
  readonly rss: number;
  /** Of it, its own memory and pages of files. */
  readonly anonymous: number;
  readonly file: number;
  readonly clusters: number;
}

export interface Records {
  readonly mesh?: Recorded<MeshResult>;
  readonly small?: Recorded<MeshResult>;
  readonly kubernetes?: Recorded<MeshResult>;
  readonly beside?: Recorded<MeshResult>;
  readonly ingest?: Recorded<IngestResult>;
  readonly agent?: Recorded<AgentResult>;
  readonly sidecar?: Recorded<SidecarResult>;
  readonly envoy?: Recorded<EnvoyResult>;
}

export const readRecords = (): Records => ({
  mesh: readRecord('mesh'),
  small: readRecord('small'),
  kubernetes: readRecord('kubernetes'),
  beside: readRecord('beside'),
  ingest: readRecord('ingest'),
  agent: readRecord('agent'),
  sidecar: readRecord('sidecar'),
  envoy: readRecord('envoy'),
});

/** The result of a phase in a round, whose name may go on after what is asked for (`churn 20/s`). */
export function phase(
  record: Recorded<MeshResult> | undefined,
  round: string,
  name: string,
  clients?: number,
): MeshResult | undefined {
  return record?.results.find(
    (one) => one.round === round && one.phase.startsWith(name) && (clients === undefined || one.clients === clients),
  );
}
