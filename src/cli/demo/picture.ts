// The mesh as a picture in text, from what the demo observed. Pure.

export interface Observed {
  readonly kubeconfig: string;
  readonly contexts: readonly [string, string];
  readonly gatewayAddress: string;
  /** `istioctl proxy-status`, as printed. */
  readonly proxyStatus: string;
  /** Answers counted by version, from the client in each cluster. */
  readonly answers: readonly [Readonly<Record<string, number>>, Readonly<Record<string, number>>];
  /** x-forwarded-client-cert as a server in one cluster saw it from a client in the other. */
  readonly identity: string;
}

/** Renders the picture; lines are at most 100 columns except for the proxy table, which is shown as it came. */
export function picture(seen: Observed): string {
  const [one, two] = seen.contexts;
  const share = (answers: Readonly<Record<string, number>>) => {
    const total = Object.values(answers).reduce((a, b) => a + b, 0);
    if (total === 0) return 'no answers';
    return Object.entries(answers)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([version, n]) => `${version} ${Math.round((100 * n) / total)} %`)
      .join('  ');
  };
  const width = 44;
  const box = (title: string, lines: readonly string[]) => [
    `┌─ ${title} ${'─'.repeat(Math.max(0, width - title.length - 3))}┐`,
    ...lines.map((line) => `│ ${line.padEnd(width - 2)} │`),
    `└${'─'.repeat(width)}┘`,
  ];
  const left = box(one, [
    'istiod',
    `istio-eastwestgateway  ${seen.gatewayAddress}`,
    'sample/helloworld-v1',
    `sample/sleep  →  ${share(seen.answers[0])}`,
  ]);
  const right = box(two, [
    'istiod  →  the gateway of the primary',
    '',
    'sample/helloworld-v2',
    `sample/sleep  →  ${share(seen.answers[1])}`,
  ]);
  return [
    ...left.map((line, i) => `${line}  ${i === 3 ? '◄─ mTLS ─►' : '          '}  ${right[i]}`),
    '',
    `identity that the server saw:  ${seen.identity}`,
    '',
    seen.proxyStatus.trimEnd(),
    '',
    'What to try next:',
    `  export KUBECONFIG=${seen.kubeconfig} CTX_CLUSTER1=${one} CTX_CLUSTER2=${two}`,
    '  kubectl --context=$CTX_CLUSTER1 get pods -A',
    '  kubectl --context=$CTX_CLUSTER2 exec -n sample deploy/sleep -c sleep -- curl -s helloworld.sample:5000/hello',
    '  istioctl --context=$CTX_CLUSTER1 proxy-status',
    '  istioctl --context=$CTX_CLUSTER2 proxy-config endpoint deploy/sleep.sample',
  ].join('\n');
}
