// What a small mesh may cost: 100 services, 20 proxies of which 2 are gateways. Bytes are nearly the same in every run, so their bounds are
// tight (1.3 times what was measured); processor time is not, so its bounds are wide (4 times): they are there for a
// regression in kind, such as building everything anew for each change, which costs ten times and more.

export interface Bound {
  /** Processor seconds of the control plane; per change for changes. */
  readonly cpuSeconds: number;
  /** Of all proxies together. */
  readonly bytes: number;
}

export const SIZES = { services: 100, endpoints: 10, namespaces: 5, virtualServices: 20, destinationRules: 20 };
export const PROXIES = 20;

export const BOUNDS: Readonly<Record<string, Bound>> = {
  'cold sync': { cpuSeconds: 1.8, bytes: 9_600_000 },
  'endpoint change': { cpuSeconds: 0.02, bytes: 32_000 },
  'VirtualService change': { cpuSeconds: 0.02, bytes: 24_500 },
  'DestinationRule change': { cpuSeconds: 0.025, bytes: 123_000 },
  'AuthorizationPolicy change': { cpuSeconds: 0.03, bytes: 125_000 },
  'Secret change': { cpuSeconds: 0.01, bytes: 2_900 },
  'new Service': { cpuSeconds: 0.05, bytes: 81_000 },
};
