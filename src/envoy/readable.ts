// Resources as YAML that people read in goldens and diffs.
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRegistry, type DescFile, fromBinary, type JsonValue, type Registry, toJson } from '@bufbuild/protobuf';
import { stringify } from 'yaml';
import { projectRoot } from '../lib/root.ts';
import type { Encoded } from './resource.ts';

let registry: Promise<Registry> | undefined;

/** Folders of the types that resources are made of; a packed type outside them shows as an error that names it. */
const FOLDERS = [
  'config/{cluster,core,endpoint,listener,route,rbac}/v3',
  'extensions/access_loggers/{file,stats,stream}/v3',
  'extensions/filters/http/{cors,ext_authz,fault,grpc_web,header_mutation,header_to_metadata,jwt_authn,rbac,router}/v3',
  'extensions/filters/listener/{http_inspector,tls_inspector,original_dst,original_src}/v3',
  'extensions/filters/network/{ext_authz,http_connection_manager,rbac,set_filter_state,sni_cluster,tcp_proxy}/v3',
  'extensions/matching/{actions/transform_stat,common_inputs/stats}/v3',
  'extensions/retry/{host/previous_hosts,priority/previous_priorities}/v3',
  'extensions/transport_sockets/{proxy_protocol,raw_buffer,tls}/v3',
  'extensions/upstreams/http/v3',
];

/** The generated types that resources consist of, so that packed extensions can be shown. */
export function envoyRegistry(): Promise<Registry> {
  registry ??= load();
  return registry;
}

async function load(): Promise<Registry> {
  const root = join(projectRoot(), 'src/gen');
  const files = globSync([...FOLDERS.map((f) => `envoy/${f}/*_pb.js`), 'google/protobuf/*_pb.js'], { cwd: root });
  const modules = await Promise.all(files.map((f) => import(pathToFileURL(join(root, f)).href)));
  const isFile = (value: unknown): value is DescFile =>
    typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'file';
  return createRegistry(...modules.flatMap((m) => Object.values(m).filter(isFile)));
}

/** The message of a resource as proto JSON. */
export function asJson(types: Registry, typeUrl: string, { body }: Encoded): JsonValue {
  const schema = types.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1))!;
  return toJson(schema, fromBinary(schema, body), { registry: types });
}

/** A list of resources as YAML; what is the same in every listener (the metrics' definitions) is left out. */
export function asYaml(values: readonly JsonValue[]): string {
  return stringify(values.map(shorten), { lineWidth: 160, aliasDuplicateObjects: false });
}

function shorten(value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    return value.filter((v) => !isMetrics(v)).map(shorten);
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([k, v]) => [k, shorten(v)] as const);
  return Object.fromEntries(entries.filter(([k, v]) => k !== 'accessLog' || !(Array.isArray(v) && v.length === 0)));
}

function isMetrics(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && 'name' in value && value.name === 'envoy.access_loggers.stats';
}
