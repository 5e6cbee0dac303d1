// Access logs as MeshConfig asks for them (accessLogFile, accessLogFormat, accessLogEncoding), in Istio's default formats.
import { create, type JsonObject } from '@bufbuild/protobuf';
import { type AccessLog, AccessLogSchema } from '../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { extension } from '../any.ts';

export interface AccessLogSettings {
  /** '' turns access logs off. */
  readonly file: string;
  /** Text: a format string; JSON: an object of format strings. '' is the default of the encoding. */
  readonly format: string;
  readonly encoding: 'text' | 'json';
}

/** One line a request or connection; users parse it, so fields and order are Istio's. */
export const DEFAULT_TEXT_FORMAT =
  `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% ` +
  `%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ` +
  `"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% ` +
  `%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ` +
  `"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ` +
  `%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n`;

const DEFAULT_JSON_FORMAT: JsonObject = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
};

/** The file logger for connection managers and TCP proxies; undefined when logs are off. */
export function fileAccessLog(settings: AccessLogSettings): AccessLog | undefined {
  if (!settings.file) return undefined;
  return create(
    AccessLogSchema,
    extension('envoy.access_loggers.file', FileAccessLogSchema, {
      path: settings.file,
      accessLogFormat: {
        case: 'logFormat',
        value: {
          format:
            settings.encoding === 'json'
              ? { case: 'jsonFormat', value: jsonFormat(settings.format) }
              : { case: 'textFormatSource', value: textSource(settings.format) },
        },
      },
    }),
  );
}

/**
 * Logs of connections that never reached a filter chain's proxy (no matching chain, failed handshake): they are only
 * written when there is something to say, or every connection would be logged twice.
 */
export function listenerAccessLog(settings: AccessLogSettings): AccessLog | undefined {
  const log = fileAccessLog(settings);
  return (
    log && {
      ...log,
      filter: create(AccessLogSchema, {
        filter: { filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } } },
      }).filter,
    }
  );
}

function textSource(format: string) {
  const text = format || DEFAULT_TEXT_FORMAT;
  return {
    specifier: { case: 'inlineString' as const, value: text.endsWith('\n') ? text : `${text}\n` },
  };
}

/** A format that is no JSON object is reported by validation of MeshConfig; proxies keep the default. */
function jsonFormat(format: string): JsonObject {
  if (!format) return DEFAULT_JSON_FORMAT;
  try {
    const value: unknown = JSON.parse(format);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // Falls through to the default.
  }
  return DEFAULT_JSON_FORMAT;
}
