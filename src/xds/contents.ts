// What is in a response besides resources that exist, and how its contents are recognised.
import { hash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { TYPE_URL } from '../envoy/resource.ts';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { Contents } from './body.ts';
import type { NameSet } from './names.ts';
import { type Frame, frame } from './wire.ts';

/** Longer lists of names are known by their hash. */
const DIRECT_KEY = 32;

/**
 * Endpoints that do not exist are served as none: Envoy passes over their removal, and a cluster that it just got and that
 * has gone since would wait for them for ever.
 */
export function noEndpoints(name: string): Frame {
  const assignment = toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, { clusterName: name }));
  return frame(TYPE_URL.endpoints, { name, version: 'none', body: assignment });
}

/** A table without hosts is answered by the removal of a host that it never had, or its listener would wait for one. */
export function* emptyTables(tables: NameSet, hosts: Iterable<string>): Iterable<string> {
  const filled = new Set<string>();
  for (const host of hosts) filled.add(host.slice(0, host.lastIndexOf('/')));
  for (const table of tables.values()) if (!filled.has(table)) yield `${table}/-`;
}

/** The same text for the same names in the same order. */
export function listKey({ frames, removed }: Contents): string {
  const key = `${frames.map(({ name }) => name).join('\n')}\n-${removed.join('\n')}`;
  return frames.length + removed.length > DIRECT_KEY ? hash('sha1', key, 'base64') : key;
}
