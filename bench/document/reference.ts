// What the reference control plane costs: facts measured once, with istiod (istio/istio master of August 2026, Go 1.26) on a
// machine of the same size with the same objects, two runs each, about ±10 %. Not measured in the runs of `make bench`.

export interface ReferenceChange {
  /** Milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuSeconds: number;
  readonly bytes?: number;
}

/** 200 delta clients, istiod's default settings (changes are held back for 100 ms to 10 s and merged). */
export const REFERENCE_CHANGES: Readonly<Record<string, ReferenceChange>> = {
  'endpoint change': { p50Ms: 136, p99Ms: 152, cpuSeconds: 0.068 },
  'VirtualService change': { p50Ms: 1700, p99Ms: 2800, cpuSeconds: 4.7, bytes: 215e6 },
  'DestinationRule change': { p50Ms: 1300, p99Ms: 2500, cpuSeconds: 4.4, bytes: 219e6 },
  'new Service': { p50Ms: 1700, p99Ms: 2800, cpuSeconds: 4.7, bytes: 217e6 },
};

/** State of the world, 200 clients. */
export const REFERENCE_SOTW: Readonly<Record<string, ReferenceChange>> = {
  'endpoint change': { p50Ms: 145, p99Ms: 180, cpuSeconds: 0.268 },
  'VirtualService change': { p50Ms: 2200, p99Ms: 3800, cpuSeconds: 5.6, bytes: 916e6 },
};

/** Churn of 20 endpoint changes a second for 30 s, 200 clients. */
export const REFERENCE_CHURN = {
  held: { label: 'reference', p50Ms: 4750, p99Ms: 12_000 },
  atOnce: { label: 'reference, holding nothing back', p50Ms: 33, p99Ms: 145 },
};

export const REFERENCE_COLD = {
  clients200: { wallMs: 32_000, cpuSeconds: 60, peak: 2.0e9, bytes: 1.85e9 },
  clients500: { wallMs: 81_000, cpuSeconds: 150, warmCpuSeconds: 21, peak: 4.2e9, bytes: 4.6e9 },
  /** Bytes that one proxy gets. */
  perProxy: 9.2e6,
};
