// Kubernetes label selectors (`matchLabels`, `matchExpressions`) against a set of labels.
import { own } from './json.ts';

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelRequirement[];
}

export interface LabelRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** True when the selector asks for nothing; injection ignores such selectors, as Istio does. */
export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

/** Whether labels satisfy the selector; undefined when an expression has an operator that Kubernetes does not know. */
export function matchesSelector(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean | undefined {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (own(labels, key) !== value) return false;
  }
  let result: boolean | undefined = true;
  for (const requirement of selector.matchExpressions ?? []) {
    const met = satisfies(requirement, labels);
    if (met === false) return false;
    if (met === undefined) result = undefined;
  }
  return result;
}

function satisfies(requirement: LabelRequirement, labels: Readonly<Record<string, string>>): boolean | undefined {
  const value = own(labels, requirement.key);
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && (requirement.values ?? []).includes(value as string);
    case 'NotIn':
      return value === undefined || !(requirement.values ?? []).includes(value as string);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return undefined;
  }
}
