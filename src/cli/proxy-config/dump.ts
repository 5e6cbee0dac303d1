// Envoy's config_dump, taken apart: the resources of each type, wherever in the dump they stand.

export type Json = Readonly<Record<string, unknown>>;

export interface ConfigDump {
  readonly bootstrap: Json | undefined;
  readonly clusters: readonly Json[];
  readonly listeners: readonly Json[];
  readonly routes: readonly Json[];
  /** ClusterLoadAssignments; only in dumps taken with `include_eds`. */
  readonly endpoints: readonly Json[];
  readonly secrets: readonly SecretEntry[];
}

export interface SecretEntry {
  readonly name: string;
  readonly state: 'ACTIVE' | 'WARMING';
  readonly secret: Json;
}

/** Understands a dump. Throws an Error when it is something else. */
export function readDump(text: string): ConfigDump {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (cause) {
    throw new Error('this is not JSON; expected the answer of /config_dump of a proxy', { cause });
  }
  const configs = (root as { configs?: unknown } | null)?.configs;
  if (!Array.isArray(configs))
    throw new Error('there are no "configs" in this; expected the answer of /config_dump of a proxy');
  const sections = (name: string): Json[] =>
    configs.filter((config: Json) => String(config['@type']).endsWith(`.${name}`));
  return {
    bootstrap: sections('BootstrapConfigDump')[0]?.bootstrap as Json | undefined,
    clusters: sections('ClustersConfigDump').flatMap((dump) => resources(dump, 'clusters', 'cluster')),
    listeners: sections('ListenersConfigDump').flatMap(listenersOf),
    routes: sections('RoutesConfigDump').flatMap((dump) => resources(dump, 'route_configs', 'route_config')),
    endpoints: sections('EndpointsConfigDump').flatMap((dump) =>
      resources(dump, 'endpoint_configs', 'endpoint_config'),
    ),
    secrets: once(sections('SecretsConfigDump').flatMap(secretsOf)),
  };
}

/** Static ones, those in force and those being warmed up. */
function resources(dump: Json, plural: string, singular: string): Json[] {
  return ['static_', 'dynamic_active_', 'dynamic_', 'dynamic_warming_']
    .flatMap((prefix) => list(dump[`${prefix}${plural}`]))
    .map((entry) => entry[singular] as Json | undefined)
    .filter((resource) => resource !== undefined);
}

function listenersOf(dump: Json): Json[] {
  const dynamic = list(dump.dynamic_listeners).map(
    (entry) => (entry.active_state ?? entry.warming_state) as Json | undefined,
  );
  return [...dynamic, ...list(dump.static_listeners)]
    .map((entry) => entry?.listener as Json | undefined)
    .filter((listener) => listener !== undefined);
}

function secretsOf(dump: Json): SecretEntry[] {
  const entries = (field: string, state: SecretEntry['state']): SecretEntry[] =>
    list(dump[field]).flatMap((entry) => {
      const secret = entry.secret as Json | undefined;
      return secret ? [{ name: String(entry.name ?? secret.name ?? ''), state, secret }] : [];
    });
  return [
    ...entries('static_secrets', 'ACTIVE'),
    ...entries('dynamic_active_secrets', 'ACTIVE'),
    ...entries('dynamic_warming_secrets', 'WARMING'),
  ];
}

/** The objects in a JSON array; nothing when it is none. */
export function list(value: unknown): Json[] {
  return Array.isArray(value) ? (value.filter((item) => typeof item === 'object' && item !== null) as Json[]) : [];
}

/** Every user of a secret has it in the dump; one line for each different one is enough. */
function once(secrets: readonly SecretEntry[]): SecretEntry[] {
  return [...new Map(secrets.map((entry) => [JSON.stringify(entry), entry])).values()];
}

/** Follows field names into nested JSON. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const name of path) current = (current as Json | null | undefined)?.[name];
  return current;
}

/** `host:port`, or the path of a Unix socket. */
export function addressOf(address: unknown): { address: string; port: number } {
  const pipe = at(address, 'pipe', 'path');
  if (typeof pipe === 'string') return { address: pipe, port: 0 };
  return {
    address: String(at(address, 'socket_address', 'address') ?? ''),
    port: Number(at(address, 'socket_address', 'port_value') ?? 0),
  };
}
