// The loggers of every listener: MeshConfig's access log and Istio's metrics. Equal for all proxies of the mesh.
import type { AccessLog } from '../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { MeshConfig_AccessLogEncoding as Encoding } from '../../gen/mesh/v1alpha1/config_pb.js';
import type { Family, Graph } from '../../graph/graph.ts';
import type { Mesh } from '../../ingest/mesh.ts';
import { type AccessLogSettings, fileAccessLog, listenerAccessLog } from './access-log.ts';
import { connectionMetrics, requestMetrics } from './istio-metrics.ts';

/** Which side of a request the listener is on: the caller's (sidecar outbound, gateway) or the server's. */
export type Reporter = 'source' | 'destination';

export interface Loggers {
  /** For connection managers. */
  readonly http: readonly AccessLog[];
  /** For TCP proxies. */
  readonly tcp: readonly AccessLog[];
  /** For the listener itself: connections that found no chain. */
  readonly listener: readonly AccessLog[];
}

export function defineLoggers(graph: Graph, mesh: Mesh): Family<Reporter, Loggers> {
  const settings = graph.derived('accessLogSettings', (_: string, read): AccessLogSettings => {
    const { accessLogFile, accessLogFormat, accessLogEncoding } = read(mesh.meshConfig, '');
    return {
      file: accessLogFile,
      format: accessLogFormat,
      encoding: accessLogEncoding === Encoding.JSON ? 'json' : 'text',
    };
  });
  return graph.derived('loggers', (reporter: Reporter, read): Loggers => {
    const file = fileAccessLog(read(settings, ''));
    const listener = listenerAccessLog(read(settings, ''));
    const logs = file ? [file] : [];
    return {
      http: [...logs, requestMetrics(reporter, mesh.configCluster)],
      tcp: [...logs, connectionMetrics(reporter, mesh.configCluster)],
      listener: listener ? [listener] : [],
    };
  });
}
