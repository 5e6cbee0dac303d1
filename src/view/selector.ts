// Label selectors of policies and gateways.

/** True when every wanted label is there with the same value; an empty selector selects everything. */
export function selects(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}

/** Oldest first, then by namespace and name: the order in which Istio resolves conflicting objects. */
export function byAge(
  a: { readonly created: string; readonly source: { readonly namespace: string; readonly name: string } },
  b: { readonly created: string; readonly source: { readonly namespace: string; readonly name: string } },
): number {
  return (
    compare(a.created, b.created) ||
    compare(a.source.name, b.source.name) ||
    compare(a.source.namespace, b.source.namespace)
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
