// The control plane's own metrics, under the names that dashboards for istiod ask for.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createHistogram } from './histogram.ts';

/** All metrics of one process. Tests make their own. */
export function createMetrics(options: { process?: boolean } = {}) {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> => new Histogram({ name, help, buckets, labelNames: [...labelNames], registers });
  if (options.process) collectProcess(registry);
  return {
    registry,
    info: gauge('pilot_info', 'Version of this control plane.', ['version']),
    xds: gauge('pilot_xds', 'Connected proxies, by version.', ['version']),
    xdsPushes: counter('pilot_xds_pushes', 'Responses sent, by type.', ['type']),
    xdsRejects: counter('pilot_total_xds_rejects', 'Responses that a proxy rejected, by type.', ['type']),
    xdsInternalErrors: counter('pilot_total_xds_internal_errors', 'Faults while generating or sending configuration.'),
    xdsPushTime: createHistogram({
      name: 'pilot_xds_push_time',
      help: 'Seconds from a pending change to its response being written.',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30],
      label: 'type',
      registry,
    }),
    xdsConfigBytes: createHistogram({
      name: 'pilot_xds_config_size_bytes',
      help: 'Size of responses.',
      buckets: [1, 10_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000],
      label: 'type',
      registry,
    }),
    convergence: createHistogram({
      name: 'pilot_proxy_convergence_time',
      help: 'Seconds from a change to a proxy having acknowledged it.',
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30],
      registry,
    }),
    stalled: counter('pilot_xds_stalled_clients_total', 'Clients that were let go because they did not read.'),
    refused: counter('pilot_xds_refused_total', 'Proxies that were refused, by reason.', ['reason']),
    grpcHandled: counter('grpc_server_handled_total', 'gRPC calls that ended, by status.', [
      'grpc_service',
      'grpc_method',
      'grpc_code',
    ]),
    services: gauge('pilot_services', 'Services in the mesh.'),
    configEvents: counter('pilot_k8s_cfg_events', 'Changes of Istio objects.', ['type', 'event']),
    registryEvents: counter('pilot_k8s_reg_events', 'Changes of Services, endpoints, pods and nodes.', [
      'type',
      'event',
    ]),
    watchErrors: counter('pilot_k8s_watch_errors_total', 'Failed lists and watches.', ['cluster', 'kind']),
    remoteClusters: gauge('istiod_managed_clusters', 'Clusters that are watched.', ['cluster_type']),
    remoteSyncTimeouts: counter('remote_cluster_sync_timeouts_total', 'Remote clusters that were not read in time.', [
      'cluster',
    ]),
    remoteSecretProblems: gauge('pilot_remote_secret_problems', 'Remote secrets that cannot be used.', [
      'secret',
      'code',
    ]),
    csr: counter('citadel_server_csr_count', 'Certificate signing requests.'),
    csrIssued: counter('citadel_server_success_cert_issuance_count', 'Certificates issued.'),
    csrParseErrors: counter('citadel_server_csr_parsing_err_count', 'Requests that were not a usable CSR.'),
    csrAuthFailures: counter(
      'citadel_server_authentication_failure_count',
      'Callers that could not prove who they are.',
    ),
    csrDenied: counter('citadel_server_id_extraction_err_count', "CSRs for an identity that is not the caller's."),
    csrSignErrors: counter('citadel_server_csr_sign_err_count', 'Errors while signing.'),
    rootExpiry: gauge('citadel_server_root_cert_expiry_timestamp', 'End of the root certificate, Unix seconds.'),
    injectTotal: counter('sidecar_injection_requests_total', 'Injection requests.'),
    injectSuccess: counter('sidecar_injection_success_total', 'Pods that were injected.'),
    injectFailure: counter('sidecar_injection_failure_total', 'Injections that failed.'),
    injectSkip: counter('sidecar_injection_skip_total', 'Pods that were left alone.'),
    injectTime: histogram(
      'sidecar_injection_time_seconds',
      'Seconds an injection took.',
      [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5],
    ),
    validationPassed: counter('galley_validation_passed', 'Valid resources.', ['group', 'version', 'resource']),
    validationFailed: counter('galley_validation_failed', 'Invalid resources.', [
      'group',
      'version',
      'resource',
      'reason',
    ]),
    validationHttpErrors: counter('galley_validation_http_error', 'Validation requests that could not be understood.', [
      'status',
    ]),
    webhookPatches: counter('webhook_patch_attempts_total', 'Writes of caBundle.', ['name']),
    webhookPatchFailures: counter('webhook_patch_failures_total', 'Failed writes of caBundle.', ['name', 'reason']),
    rootsWritten: counter('pilot_root_cert_writes_total', 'Writes of the ConfigMap with the root certificate.', [
      'cluster',
      'result',
    ]),
    leading: gauge('pilot_leader', 'Whether this process leads an election.', ['lease']),
    problems: gauge('pilot_config_problems', 'Known problems of configuration, by code.', ['code']),
    eventLoopDelay: gauge(
      'pilot_event_loop_delay_seconds',
      'Delay of the event loop, 99th percentile since the last scrape.',
    ),
  };
}

/**
 * What the library knows of the process, without its figures on the delay of the event loop: the timer behind these wakes an
 * idle process a hundred times a second. `pilot_event_loop_delay_seconds` says the same.
 */
function collectProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 3_600_000 });
  for (const { name } of registry.getMetricsAsArray()) {
    if (name.startsWith('nodejs_eventloop_lag_') && name !== 'nodejs_eventloop_lag_seconds')
      registry.removeSingleMetric(name);
  }
}

export type Metrics = ReturnType<typeof createMetrics>;
