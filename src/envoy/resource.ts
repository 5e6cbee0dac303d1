// What a generated resource is to the layer that serves it: a name, a content hash and bytes.
import { hash } from 'node:crypto';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import type { Family } from '../graph/graph.ts';

/** One resource, encoded once and shared by every proxy that gets it. */
export interface Encoded {
  readonly name: string;
  /** Hash of `body`. */
  readonly version: string;
  /** The serialized message (`Any.value`). */
  readonly body: Uint8Array;
}

/**
 * Part of a resource type. Classes with equal scope share the part's resources: outbound clusters are the same for most
 * namespaces, inbound ones are not. Where two parts have a resource of one name, the earlier part wins.
 */
export interface Part {
  readonly name: string;
  /** Class id → scope. */
  readonly scope: Family<string, string>;
  /**
   * Scope → names, each once, in an order that follows from what they are; names of one namespace should be together, because
   * what namespaces have in common is then sent from the same bytes. Absent for parts that are only asked by name.
   */
  readonly list?: Family<string, readonly string[]>;
  readonly get: Family<ScopedName, Encoded | undefined>;
}

export interface ScopedName {
  readonly scope: string;
  readonly name: string;
}

/** Canonical form of a `ScopedName`: pass as `id` when defining a part's `get`. */
export const scopedNameId = (key: ScopedName): [string, string] => [key.scope, key.name];

export interface ResourceType {
  readonly typeUrl: string;
  /** Clients may ask for all of it (CDS, LDS, VHDS). */
  readonly wildcard: boolean;
  readonly parts: readonly Part[];
}

export const TYPE_URL = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  virtualHost: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  extension: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

/** Encodes a message as a resource. Maps must have been filled in sorted order, so that equal content gives equal bytes. */
export function encode<D extends DescMessage>(name: string, schema: D, init: MessageInitShape<D>): Encoded {
  return encoded(name, toBinary(schema, create(schema, init)));
}

/** Characters of a version: 72 bits tell the states of one resource apart, and each proxy gets thousands of versions. */
const VERSION_LENGTH = 12;

/** A resource from its serialized bytes. */
export function encoded(name: string, body: Uint8Array): Encoded {
  return { name, version: hash('sha1', body, 'base64url').slice(0, VERSION_LENGTH), body };
}

/** Equality for `Encoded` families: versions are content hashes. */
export const sameEncoded = (a: Encoded | undefined, b: Encoded | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.version === b.version && a.name === b.name);
