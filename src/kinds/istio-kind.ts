// Makes the descriptor of an Istio kind: all of them are a metadata and a spec with a generated type.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Problem } from '../model/problem.ts';
import type { Kind, KindName } from './kind.ts';
import { checkMeta, readMeta } from './meta.ts';
import type { Config, KubernetesObject } from './object.ts';
import { decodeSpec } from './spec.ts';

export interface IstioKind<D extends DescMessage> {
  readonly id: KindName;
  readonly group: string;
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly schema: D;
  /**
   * Use an object although `check` found errors: for security policies, where having none is worse than having one that
   * says something odd.
   */
  readonly keepFaulty?: boolean;
  /** Semantic problems of a spec whose types are right; paths start with `spec`. */
  readonly check: (spec: MessageShape<D>, object: KubernetesObject) => Problem[];
}

export function istioKind<D extends DescMessage>(def: IstioKind<D>): Kind<Config<MessageShape<D>>> {
  const { schema, check, keepFaulty = false, ...names } = def;
  return {
    ...names,
    namespaced: true,
    from: 'config',
    decode(raw) {
      const { spec, unknown, wrong } = decodeSpec(schema, raw.spec, 'spec');
      const problems = [...unknown.map((p): Problem => ({ ...p, severity: 'warning' })), ...wrong];
      if (!spec) return { problems };
      const faults = check(spec, raw);
      problems.push(...faults);
      // Proxies would reject what is wrong, and with it the good things beside it: the last good version stays in force.
      if (!keepFaulty && faults.some((p) => p.severity === 'error')) return { problems };
      return { value: { meta: readMeta(raw), spec }, problems };
    },
    validate(raw) {
      const { spec, unknown, wrong } = decodeSpec(schema, raw.spec, 'spec');
      return [...checkMeta(raw, true), ...unknown, ...wrong, ...(spec ? check(spec, raw) : [])];
    },
  };
}
