// Kubelet's probes of the app, answered through the agent because kubelet has no mesh certificate.
// ISTIO_KUBE_APP_PROBERS maps paths such as /app-health/<container>/readyz to the probe that the user wrote.

export type Prober =
  | {
      readonly kind: 'http';
      readonly scheme: 'http' | 'https';
      readonly host?: string;
      readonly port: number;
      readonly path: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly timeout: number;
    }
  | { readonly kind: 'tcp'; readonly host?: string; readonly port: number; readonly timeout: number }
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string; readonly timeout: number };

const PATH = /^\/app-(health|lifecycle)\/[^/]+\/(livez|readyz|startupz|prestopz|poststartz)$/;

/** Parses the variable; a bad entry is left out and told in `problems`, the others work. Timeouts become milliseconds. */
export function parseProbers(json: string | undefined): { probers: ReadonlyMap<string, Prober>; problems: string[] } {
  const probers = new Map<string, Prober>();
  const problems: string[] = [];
  let entries: unknown;
  try {
    entries = JSON.parse(json || '{}');
  } catch (error) {
    return { probers, problems: [`ISTIO_KUBE_APP_PROBERS is not JSON: ${(error as Error).message}`] };
  }
  for (const [path, value] of Object.entries(isRecord(entries) ? entries : {})) {
    const prober = PATH.test(path) && isRecord(value) ? parseProber(value) : undefined;
    if (prober) probers.set(path, prober);
    else problems.push(`ISTIO_KUBE_APP_PROBERS: '${path}' is not a probe this agent can run: ${JSON.stringify(value)}`);
  }
  return { probers, problems };
}

function parseProber(value: Readonly<Record<string, unknown>>): Prober | undefined {
  const timeout = Math.max(1, Number(value.timeoutSeconds) || 1) * 1000;
  const { httpGet, tcpSocket, grpc } = value;
  if (isRecord(httpGet) && isPort(httpGet.port)) {
    const path = String(httpGet.path || '/');
    const headers = Array.isArray(httpGet.httpHeaders) ? httpGet.httpHeaders.filter(isRecord) : [];
    return {
      kind: 'http',
      scheme: String(httpGet.scheme ?? '').toLowerCase() === 'https' ? 'https' : 'http',
      host: text(httpGet.host),
      port: Number(httpGet.port),
      path: path.startsWith('/') ? path : `/${path}`,
      headers: headers.map(({ name, value: content }) => [String(name), String(content ?? '')] as const),
      timeout,
    };
  }
  if (isRecord(tcpSocket) && isPort(tcpSocket.port)) {
    return { kind: 'tcp', host: text(tcpSocket.host), port: Number(tcpSocket.port), timeout };
  }
  if (isRecord(grpc) && isPort(grpc.port)) {
    return { kind: 'grpc', port: Number(grpc.port), service: text(grpc.service) ?? '', timeout };
  }
  return undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPort(value: unknown): boolean {
  const port = Number(value);
  return Number.isInteger(port) && port > 0 && port < 65536;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
