// Commands of istioctl that are not here, and what to use in their place: people type them from habit.

const PLACES: Readonly<Record<string, string>> = {
  admin:
    'log levels of the control plane: kubectl -n istio-system port-forward deploy/istiod 15014, then PUT /scopej/<scope> there',
  analyze:
    'objects are checked when they are applied; what is wrong now is in the log of istiod and on its page :15014/debug/problems',
  authz: 'see the policies of a proxy with: istioctl proxy-config listener <pod> -o json',
  'bug-report':
    'collect with: istioctl proxy-status, istioctl remote-clusters, istioctl proxy-config all <pod> -o json',
  dashboard: 'reach a port with: kubectl port-forward <pod> 15000 (Envoy) or deploy/istiod 15014',
  describe: 'see what a pod has with: istioctl proxy-config all <pod>',
  operator: 'there is no operator in the cluster; run istioctl install again with the changed document',
  precheck: 'istioctl install checks the cluster before it changes anything; --dry-run stops after that',
  tag: 'name the revision itself in the label istio.io/rev',
  validate: 'istioctl and the validation webhook check when you apply; kubectl apply --dry-run=server only checks',
  waypoint: 'this mesh has sidecars only',
  'ztunnel-config': 'this mesh has sidecars only',
};

const ALIASES: Readonly<Record<string, string>> = { dash: 'dashboard', d: 'dashboard', zc: 'ztunnel-config' };

/** A hint for what commander says of an unknown command; undefined for words that istioctl does not know either. */
export function elsewhere(message: string): string | undefined {
  const word = /unknown command '([^']+)'/.exec(message)?.[1] ?? '';
  const name = ALIASES[word] ?? word;
  return Object.hasOwn(PLACES, name) ? `There is no ${name} here: ${PLACES[name]}.` : undefined;
}
