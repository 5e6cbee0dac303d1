// What is known of one kind of object: its names, how to decode it and how to check it.
import type { Problem } from '../model/problem.ts';
import type { KubernetesObject } from './object.ts';

/** Which inputs of the mesh an object lands in; also the property name in `mesh.inputs`. */
export type KindName =
  | 'service'
  | 'endpointSlice'
  | 'pod'
  | 'node'
  | 'namespace'
  | 'secret'
  | 'configMap'
  | 'virtualService'
  | 'destinationRule'
  | 'gateway'
  | 'serviceEntry'
  | 'workloadEntry'
  | 'workloadGroup'
  | 'sidecar'
  | 'peerAuthentication'
  | 'authorizationPolicy'
  | 'requestAuthentication'
  | 'telemetry'
  | 'envoyFilter'
  | 'proxyConfig';

export interface Decoded<V> {
  /** Absent when the object cannot be used at all; the last good value then stays in force. */
  readonly value?: V;
  readonly problems: readonly Problem[];
}

/** Descriptor of one kind. Everything that differs between kinds is here, so that watching, storing and checking are generic. */
export interface Kind<V = unknown> {
  readonly id: KindName;
  /** '' for the core group. */
  readonly group: string;
  /** Accepted versions, the preferred first. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** `config`: read from the config cluster only; `every`: from all clusters. */
  readonly from: 'config' | 'every';
  /** Keeps what is read. Unknown fields are warnings here; a wrong type leaves no value. Never throws. */
  decode(raw: KubernetesObject): Decoded<V>;
  /** All problems of an object about to be written: unknown fields and semantic faults are errors. Never throws. */
  validate(raw: KubernetesObject): Problem[];
}
