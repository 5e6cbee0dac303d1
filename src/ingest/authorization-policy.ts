// AuthorizationPolicy objects → policies of the model.
import {
  AuthorizationPolicy_Action as Action,
  type Rule,
  type AuthorizationPolicy as Spec,
} from '../gen/security/v1beta1/authorization_policy_pb.js';
import type { Family, Graph } from '../graph/graph.ts';
import { type Config, refOf } from '../kinds/object.ts';
import type { AuthorizationPolicy, AuthorizationRule } from '../model/security.ts';
import type { ByNamespace, MeshInputs } from './inputs.ts';

const ACTION: Readonly<Record<Action, AuthorizationPolicy['action']>> = {
  [Action.ALLOW]: 'allow',
  [Action.DENY]: 'deny',
  [Action.AUDIT]: 'audit',
  [Action.CUSTOM]: 'custom',
};

/** Policies of a namespace, oldest first. */
export function defineAuthorizationPolicies(
  graph: Graph,
  inputs: MeshInputs,
  inNamespace: ByNamespace,
): Family<string, readonly AuthorizationPolicy[]> {
  return graph.derived('authorizationPolicies', (namespace: string, read) =>
    read(inNamespace.authorizationPolicy, namespace)
      .flatMap((key) => {
        const config = read(inputs.authorizationPolicy, key);
        return config ? [authorizationPolicy(key, config)] : [];
      })
      .sort((a, b) => compare(a.created, b.created) || compare(a.source.name, b.source.name)),
  );
}

/** One object; `key` is its key in the input. */
export function authorizationPolicy(key: string, { meta, spec }: Config<Spec>): AuthorizationPolicy {
  const labels = spec.selector?.matchLabels ?? {};
  return {
    source: refOf('AuthorizationPolicy', key),
    created: meta.created,
    ...(Object.keys(labels).length > 0 && { selector: labels }),
    action: ACTION[spec.action],
    provider: spec.actionDetail.case === 'provider' ? spec.actionDetail.value.name : '',
    dryRun: meta.annotations['istio.io/dry-run'] === 'true',
    rules: spec.rules.map(rule),
  };
}

function rule({ from, to, when }: Rule): AuthorizationRule {
  return {
    from: from.flatMap(({ source }) => (source ? [plain(source)] : [])),
    to: to.flatMap(({ operation }) => (operation ? [plain(operation)] : [])),
    when: when.map(({ key, values, notValues }) => ({ key, values, notValues })),
  };
}

function plain<M extends { $typeName: string; $unknown?: unknown }>({
  $typeName,
  $unknown,
  ...fields
}: M): Omit<M, '$typeName' | '$unknown'> {
  return fields;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
