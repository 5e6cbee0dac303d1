// What happens on xDS connections, as metrics and log lines.
import { status } from '@grpc/grpc-js';
import { TYPE_URL } from '../envoy/resource.ts';
import type { ConnectionStatus } from '../xds/connection.ts';
import { Refused } from '../xds/connection.ts';
import type { XdsObserver } from '../xds/grpc.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface XdsMetricsOptions {
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Short names of types in Istio's metrics. */
const SHORT: Readonly<Record<string, string>> = {
  [TYPE_URL.cluster]: 'cds',
  [TYPE_URL.listener]: 'lds',
  [TYPE_URL.route]: 'rds',
  [TYPE_URL.endpoints]: 'eds',
  [TYPE_URL.secret]: 'sds',
  [TYPE_URL.virtualHost]: 'vhds',
  'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig': 'ecds',
};

export function observeXds({ metrics, log }: XdsMetricsOptions): XdsObserver {
  const versionOf = (connection: ConnectionStatus): string =>
    connection.client.istioVersion || connection.client.version || 'unknown';
  return {
    opened(connection) {
      metrics.xds.inc({ version: versionOf(connection) });
      log.info(`connected ${connection.client.id}`, {
        cluster: connection.client.cluster,
        peer: connection.address,
        protocol: connection.protocol,
      });
    },
    closed(connection, error) {
      if (!connection) return;
      metrics.xds.dec({ version: versionOf(connection) });
      const reason = error instanceof Error ? error.message : undefined;
      const quiet = error === undefined || error instanceof Refused;
      if (!quiet) metrics.xdsInternalErrors.inc();
      log[quiet ? 'info' : 'warn'](`disconnected ${connection.client.id}`, {
        cluster: connection.client.cluster,
        ...(reason ? { reason } : {}),
      });
    },
    pushed(typeUrl, resources, bytes) {
      const type = short(typeUrl);
      metrics.xdsPushes.inc({ type });
      metrics.xdsConfigBytes.observe(type, bytes);
      if (log.enabled('debug')) log.debug(`sent ${type}`, { resources, bytes });
    },
    answered(typeUrl, client, latency, error) {
      const type = short(typeUrl);
      metrics.convergence.observe('', latency / 1000);
      metrics.xdsPushTime.observe(type, latency / 1000);
      if (!error) return;
      metrics.xdsRejects.inc({ type });
      log.warn(`${client.id} rejected ${type}: ${error.message}`, { cluster: client.cluster });
    },
    stalled(client) {
      metrics.stalled.inc();
      log.warn(`${client?.id ?? 'a client'} does not read its configuration; disconnected`, {
        cluster: client?.cluster,
      });
    },
  };
}

/** Counts how gRPC calls end, under the names that Go's servers use. */
export function countStatus(metrics: Metrics): (method: string, code: status) => void {
  return (path, code) => {
    const [, service = '', method = ''] = path.split('/');
    metrics.grpcHandled.inc({ grpc_service: service, grpc_method: method, grpc_code: CODES[code] ?? String(code) });
  };
}

/** `RESOURCE_EXHAUSTED` → `ResourceExhausted`. */
const CODES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(status)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, code]) => [
      code,
      name.toLowerCase().replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase()),
    ]),
);

function short(typeUrl: string): string {
  return SHORT[typeUrl] ?? typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
