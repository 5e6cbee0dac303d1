// Who calls: the caller's sidecar says in a header who it is, the server's keeps it for metrics and takes the header away.
//
// A header of its own, because Istio's (x-envoy-peer-metadata) is written by filters that stock Envoy does not have.
import { HeaderValueOption_HeaderAppendAction as Append } from '../../gen/envoy/config/core/v3/base_pb.js';
import { HeaderMutationSchema } from '../../gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { ConfigSchema as HeaderToMetadataSchema } from '../../gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js';
import { PEER_ENVIRONMENT } from '../../lib/workload-text.ts';
import { extension } from '../any.ts';

export const PEER_HEADER = 'x-isthmus-peer';

const NAMESPACE = 'isthmus';
const KEY = 'peer';

/** The caller's text, for the label of a metric; empty when it said nothing that may be believed. */
export const PEER_TEXT = `%DYNAMIC_METADATA(${NAMESPACE}:${KEY})%`;

/**
 * Outbound, in the place of whatever the application or a client wrote there. The agent puts the text into Envoy's environment, so
 * that listeners are the same for all workloads, and Envoy looks it up once for each listener and not for each request.
 */
export function sayWhoCalls() {
  return extension('envoy.filters.http.header_mutation', HeaderMutationSchema, {
    mutations: {
      requestMutations: [
        {
          action: {
            case: 'append',
            value: {
              header: { key: PEER_HEADER, value: `%ENVIRONMENT(${PEER_ENVIRONMENT})%` },
              appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD,
            },
          },
        },
      ],
    },
  });
}

/** Inbound, only behind mutual TLS: anybody else could write what he likes, and each new text is a new metric. */
export function rememberCaller() {
  return extension('envoy.filters.http.header_to_metadata', HeaderToMetadataSchema, {
    requestRules: [{ header: PEER_HEADER, onHeaderPresent: { metadataNamespace: NAMESPACE, key: KEY }, remove: true }],
  });
}
