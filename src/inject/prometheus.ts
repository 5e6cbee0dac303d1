// Metrics merging: Prometheus scrapes the agent, and the agent scrapes the application where its annotations said.
import type { MeshSettings } from './mesh.ts';
import type { Pod, StringMap } from './pod.ts';
import { annotationsOf, mapContainer, PROXY, parseBool, withAnnotations } from './pod.ts';

/** What the agent reads, as JSON: where and whether to scrape the application. */
const ENVIRONMENT = 'ISTIO_PROMETHEUS_ANNOTATIONS';

/**
 * Moves the pod's scrape annotations to the agent's environment and points Prometheus to the agent. Nothing happens when
 * the pod is not to be scraped, when merging is off (mesh, or `prometheus.istio.io/merge-metrics`), or when it was done.
 */
export function mergeMetrics(pod: Pod, mesh: MeshSettings, agentPort: number): Pod {
  const annotations = annotationsOf(pod);
  const scrape = find(annotations, 'scrape');
  if (scrape !== undefined && parseBool(scrape) === false) return pod;
  const wish = parseBool(annotations['prometheus.istio.io/merge-metrics'] ?? '');
  if (!(wish ?? mesh.enablePrometheusMerge)) return pod;
  const port = find(annotations, 'port');
  if (port === String(agentPort)) return pod;

  const path = find(annotations, 'path');
  const settings = {
    ...(scrape === undefined ? {} : { scrape }),
    ...(path === undefined ? {} : { path }),
    ...(port === undefined ? {} : { port }),
  };
  const value = JSON.stringify({ scrape: '', path: '', port: '', ...settings });
  const kept = Object.fromEntries(Object.entries(annotations).filter(([name]) => !isScrapeAnnotation(name)));
  const pointed = withAnnotations(pod, {
    ...kept,
    'prometheus.io/port': String(agentPort),
    'prometheus.io/path': '/stats/prometheus',
    'prometheus.io/scrape': 'true',
  });
  if (Object.keys(settings).length === 0) return pointed;
  return mapContainer(pointed, PROXY, (container) => ({
    ...container,
    env: [...(container.env ?? []), { name: ENVIRONMENT, value }],
  }));
}

/** The annotations without those that point to the agent: an earlier injection wrote them. */
export function withoutScrapeAnnotations(annotations: StringMap, agentPort: number): StringMap {
  if (find(annotations, 'port') !== String(agentPort)) return annotations;
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !isScrapeAnnotation(name)));
}

/** Prometheus sees label names: `prometheus.io/port`, `prometheus.io.port` and `prometheus-io/port` are the same to it. */
function sanitize(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}

function isScrapeAnnotation(name: string): boolean {
  return ['prometheus_io_scrape', 'prometheus_io_port', 'prometheus_io_path'].includes(sanitize(name));
}

function find(annotations: StringMap, what: 'scrape' | 'port' | 'path'): string | undefined {
  return Object.entries(annotations).find(([name]) => sanitize(name) === `prometheus_io_${what}`)?.[1];
}
