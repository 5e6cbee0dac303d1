// Header operations of rules and destinations.
import { HeaderValueOption_HeaderAppendAction as Append } from '../../gen/envoy/config/core/v3/base_pb.js';
import type { HeaderChange, HeaderOperations } from '../../model/route.ts';

/** Fields shared by routes, weighted clusters and virtual hosts; a change of the authority is none of them (see `authorityOf`). */
export function headerFields(operations: HeaderOperations) {
  const { request, response } = operations;
  return {
    requestHeadersToAdd: additions(request),
    requestHeadersToRemove: [...request.remove],
    responseHeadersToAdd: additions(response),
    responseHeadersToRemove: [...response.remove],
  };
}

/** The authority that header operations set: Envoy changes it by rewriting the host, not as a header. */
export function authorityOf(operations: HeaderOperations): string {
  const found = Object.entries(operations.request.set).find(([name]) => isAuthority(name));
  return found?.[1] ?? '';
}

const isAuthority = (name: string) => name.toLowerCase() === ':authority' || name.toLowerCase() === 'host';

function additions(change: HeaderChange) {
  const option = (key: string, value: string, appendAction: Append) => ({
    header: { key, value },
    appendAction,
    // Istio keeps a header that is set to nothing.
    keepEmptyValue: value === '',
  });
  return [
    ...Object.entries(change.add).map(([k, v]) => option(k, v, Append.APPEND_IF_EXISTS_OR_ADD)),
    ...Object.entries(change.set)
      .filter(([k]) => !isAuthority(k))
      .map(([k, v]) => option(k, v, Append.OVERWRITE_IF_EXISTS_OR_ADD)),
  ];
}
