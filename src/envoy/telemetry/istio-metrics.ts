// Istio's standard metrics, emitted by the stats access logger of stock Envoy. Names and labels are Istio's.
import { create } from '@bufbuild/protobuf';
import { type AccessLog, AccessLogSchema } from '../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { AccessLogType } from '../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import {
  type Config_CounterSchema,
  type Config_HistogramSchema,
  type Config_TagSchema,
  ConfigSchema,
  Config_Histogram_Unit as Unit,
} from '../../gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import { TransformStatSchema } from '../../gen/envoy/extensions/matching/actions/transform_stat/v3/transform_stat_pb.js';
import { StatTagValueInputSchema } from '../../gen/envoy/extensions/matching/common_inputs/stats/v3/stats_pb.js';
import type { MatcherSchema } from '../../gen/xds/type/matcher/v3/matcher_pb.js';
import { NO_TEXT } from '../../lib/workload-text.ts';
import { extension, type Init, typedExtension } from '../any.ts';
import type { Reporter } from './loggers.ts';
import { PEER_TEXT } from './peer.ts';

type Tags = Init<typeof Config_TagSchema>[];
type CounterInit = Init<typeof Config_CounterSchema>;
type HistogramInit = Init<typeof Config_HistogramSchema>;

/** Prefix of the statistics' names; the agent takes it away when it merges metrics. */
const PREFIX = 'istio';

/** Requests: their number, duration and sizes. `cluster` is the one whose endpoints do not name theirs. */
export function requestMetrics(reporter: Reporter, cluster: string): AccessLog {
  const peer = reporter === 'destination' ? tags({ source_workload: PEER_TEXT }) : [];
  const all = [...commonTags(reporter, cluster), ...peer, ...requestTags()];
  return logger({
    counters: [counter('istio_requests_total', all)],
    histograms: [
      histogram('istio_request_duration_milliseconds', all, '%DURATION%', Unit.Milliseconds),
      histogram('istio_request_bytes', all, '%BYTES_RECEIVED%', Unit.Bytes),
      histogram('istio_response_bytes', all, '%BYTES_SENT%', Unit.Bytes),
    ],
  });
}

/** Connections that carry something else than HTTP, counted when they end. */
export function connectionMetrics(reporter: Reporter, cluster: string): AccessLog {
  const all = [...commonTags(reporter, cluster), ...connectionTags()];
  return logger(
    {
      counters: [
        counter('istio_tcp_connections_opened_total', all),
        counter('istio_tcp_connections_closed_total', all),
        { ...counter('istio_tcp_received_bytes_total', all), valueFormat: '%BYTES_RECEIVED%', valueFixed: undefined },
        { ...counter('istio_tcp_sent_bytes_total', all), valueFormat: '%BYTES_SENT%', valueFixed: undefined },
      ],
      histograms: [],
    },
    [AccessLogType.TcpConnectionEnd, AccessLogType.NotSet],
  );
}

function logger(
  config: { counters: CounterInit[]; histograms: HistogramInit[] },
  types?: readonly AccessLogType[],
): AccessLog {
  return create(AccessLogSchema, {
    ...extension('envoy.access_loggers.stats', ConfigSchema, { statsScope: { prefix: PREFIX }, ...config }),
    ...(types && { filter: { filterSpecifier: { case: 'logTypeFilter', value: { types: [...types] } } } }),
  });
}

const counter = (name: string, tags: Tags): CounterInit => ({ stat: { name, tags }, valueFixed: 1n });

const histogram = (name: string, tags: Tags, valueFormat: string, unit: Unit): HistogramInit => ({
  stat: { name, tags },
  valueFormat,
  unit,
});

/** What this side knows of the other; the agent adds the own workload's labels and takes names and workloads' texts apart. */
function commonTags(reporter: Reporter, cluster: string): Tags {
  if (reporter === 'source') {
    return tags({
      reporter: 'source',
      source_principal: '%UPSTREAM_LOCAL_URI_SAN%',
      destination_workload: ENDPOINT_TEXT,
      destination_principal: '%UPSTREAM_PEER_URI_SAN%',
      destination_service: '%UPSTREAM_CLUSTER_RAW%',
      connection_security_policy: 'unknown',
      destination_cluster: cluster.replaceAll('%', '%%'),
    });
  }
  return tags({
    reporter: 'destination',
    source_principal: '%DOWNSTREAM_PEER_URI_SAN%',
    destination_principal: '%DOWNSTREAM_LOCAL_URI_SAN%',
    destination_service: '%METADATA(CLUSTER:istio:service)%',
    connection_security_policy: "%CEL(connection.mtls ? 'mutual_tls' : 'none')%",
  });
}

function requestTags(): Tags {
  return tags({
    request_protocol:
      "%CEL('content-type' in request.headers && request.headers['content-type'].startsWith('application/grpc') ? 'grpc' : 'http')%",
    response_code: '%RESPONSE_CODE%',
    grpc_response_status: '%GRPC_STATUS_NUMBER%',
    response_flags: '%RESPONSE_FLAGS%',
  });
}

function connectionTags(): Tags {
  return tags({ request_protocol: 'tcp', response_flags: '%RESPONSE_FLAGS%' });
}

const tags = (values: Readonly<Record<string, string>>): Tags =>
  Object.entries(values).map(([name, valueFormat]) => ({
    name,
    valueFormat,
    ...(valueFormat === ENDPOINT_TEXT && { rules: WORKLOADS_ONLY }),
  }));

/** The text that comes with an endpoint, or with a cluster that has none; else the endpoint's address or DNS name. */
const ENDPOINT_TEXT =
  '%COALESCE({"operators":[{"command":"METADATA","param":"CLUSTER:istio:workload"},"UPSTREAM_HOST_NAME_WITHOUT_PORT"]})%';

/** Whoever calls the world outside would else have metrics for each address: all that are no workload's text become one value. */
const WORKLOADS_ONLY: Init<typeof MatcherSchema> = {
  matcherType: {
    case: 'matcherList',
    value: {
      matchers: [
        {
          predicate: {
            matchType: {
              case: 'singlePredicate',
              value: {
                input: typedExtension('value', StatTagValueInputSchema, {}),
                matcher: {
                  case: 'valueMatch',
                  value: {
                    matchPattern: {
                      case: 'safeRegex',
                      value: { regex: '([^;-][^;]*)?', engineType: { case: 'googleRe2', value: {} } },
                    },
                  },
                },
              },
            },
          },
          onMatch: {
            onMatch: {
              case: 'action',
              value: typedExtension('replace', TransformStatSchema, { updateTag: { newTagValue: NO_TEXT } }),
            },
          },
        },
      ],
    },
  },
};
