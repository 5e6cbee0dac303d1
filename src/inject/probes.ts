// Probe rewriting: the kubelet has no certificate, so it asks the agent, and the agent asks the application.
import type { Problem } from '../model/problem.ts';
import { splitList } from './annotations.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { isObject } from './json.ts';
import type { Container, EnvVar, Handler, Pod } from './pod.ts';
import { annotationsOf, findContainer, mapContainer, PROXY, parseBool, withSpec } from './pod.ts';

/** What the agent reads: path at the agent → the application's own probe, as JSON. */
const ENVIRONMENT = 'ISTIO_KUBE_APP_PROBERS';

const PROBES = { readinessProbe: 'readyz', livenessProbe: 'livez', startupProbe: 'startupz' } as const;
const HOOKS = { preStop: 'prestopz', postStart: 'poststartz' } as const;

export interface ProbeSettings {
  /** The injector's default; the annotation `sidecar.istio.io/rewriteAppHTTPProbers` overrides it. */
  readonly rewrite: boolean;
  /** The agent's port in the mesh's proxy configuration. */
  readonly agentPort: number;
  /** The pod was injected before: what it has in the environment is merged. */
  readonly reinjected: boolean;
}

/** Rewrites HTTP, TCP and gRPC probes and lifecycle hooks of all containers but the proxy. Exec probes stay. */
export function rewriteProbes(
  pod: Pod,
  settings: ProbeSettings,
): { readonly pod: Pod; readonly problems: readonly Problem[] } {
  const annotations = annotationsOf(pod);
  const wish = parseBool(annotations['sidecar.istio.io/rewriteAppHTTPProbers'] ?? '');
  if (!(wish ?? settings.rewrite) || !findContainer(pod, PROXY)) return { pod, problems: [] };
  const port = Number(annotations['status.sidecar.istio.io/port'] ?? settings.agentPort);
  if (port === 0) return { pod, problems: [] };

  const problems: Problem[] = [];
  const probers: Record<string, JsonValue> = {};
  const target = {
    port,
    agentPort: settings.agentPort,
    captured: capturedPorts(annotations['traffic.sidecar.istio.io/includeInboundPorts']),
  };
  const rewrite = (list: 'containers' | 'initContainers') =>
    pod.spec?.[list]?.map((container) => {
      if (container.name === PROXY) return container;
      const result = rewriteContainer(container, target, `spec.${list}[name=${container.name}]`);
      Object.assign(probers, result.probers);
      problems.push(...result.problems);
      return result.container;
    });
  const rewritten = withSpec(pod, {
    initContainers: rewrite('initContainers'),
    containers: rewrite('containers'),
  });
  if (Object.keys(probers).length === 0) return { pod: rewritten, problems };
  const tellAgent = (container: Container) => ({
    ...container,
    env: withProbers(container.env ?? [], probers, settings.reinjected),
  });
  return { pod: mapContainer(rewritten, PROXY, tellAgent), problems };
}

interface Target {
  /** Where probes are sent. */
  readonly port: number;
  /** The agent's usual port: a probe of it was rewritten before. */
  readonly agentPort: number;
  readonly captured: ReadonlySet<number> | undefined;
}

/** Ports that go through the proxy, when the pod lists them; undefined for all. Other ports the kubelet can reach itself. */
function capturedPorts(annotation: string | undefined): ReadonlySet<number> | undefined {
  if (!annotation || annotation === '*') return undefined;
  return new Set(splitList(annotation).map(Number));
}

interface Rewritten {
  readonly container: Container;
  readonly probers: Readonly<Record<string, JsonValue>>;
  readonly problems: readonly Problem[];
}

/** A handler is rewritten only when the agent is told of it: one that it does not know would fail. */
function rewriteContainer(container: Container, target: Target, place: string): Rewritten {
  const probers: Record<string, JsonValue> = {};
  const problems: Problem[] = [];
  const change = (handler: Handler, path: string, what: string): Handler => {
    const prober = toProber(handler, container, target);
    if (prober === 'unknown-port') problems.push(unknownPort(container, `${place}.${what}`));
    if (!isObject(prober)) return handler;
    probers[path] = prober;
    return redirect(handler, path, target.port);
  };
  const changed: Record<string, JsonValue | undefined> = {};
  for (const [field, end] of Object.entries(PROBES)) {
    const handler = container[field] as Handler | undefined;
    if (handler) changed[field] = change(handler, `/app-health/${container.name}/${end}`, field);
  }
  const hooks: Record<string, JsonValue | undefined> = { ...container.lifecycle };
  for (const [field, end] of Object.entries(HOOKS)) {
    const handler = container.lifecycle?.[field as keyof typeof HOOKS];
    if (handler) hooks[field] = change(handler, `/app-lifecycle/${container.name}/${end}`, `lifecycle.${field}`);
  }
  if (container.lifecycle) changed.lifecycle = hooks;
  return { container: { ...container, ...changed }, probers, problems };
}

/** What the agent is told; undefined for a handler that stays as it is. */
function toProber(handler: Handler, container: Container, target: Target): JsonObject | 'unknown-port' | undefined {
  const kind = (['httpGet', 'tcpSocket', 'grpc'] as const).find((name) => handler[name]);
  if (!kind) return undefined;
  const action = handler[kind]!;
  const port = resolvePort(action.port, container);
  if (port === undefined) return 'unknown-port';
  if (port === target.agentPort || port === target.port) return undefined;
  if (target.captured && !target.captured.has(port)) return undefined;
  const timeout = handler.timeoutSeconds ? { timeoutSeconds: handler.timeoutSeconds } : {};
  return { [kind]: { ...action, port }, ...timeout };
}

function resolvePort(port: JsonValue | undefined, container: Container): number | undefined {
  if (typeof port === 'number') return port;
  if (typeof port !== 'string') return undefined;
  if (/^\d+$/.test(port)) return Number(port);
  return container.ports?.find((item) => item.name === port)?.containerPort;
}

/** The same probe, as an HTTP request to the agent. HTTPS becomes HTTP: the agent speaks TLS to the application. */
function redirect(handler: Handler, path: string, port: number): Handler {
  const { httpGet, tcpSocket, grpc, ...others } = handler;
  if (!httpGet && !tcpSocket && !grpc) return handler;
  const secure = isObject(httpGet) && httpGet.scheme === 'HTTPS';
  return { ...others, httpGet: { ...httpGet, path, port, ...(secure ? { scheme: 'HTTP' } : {}) } };
}

/** New probers win only where the pod had none: after a first injection its probes already point to the agent. */
function withProbers(env: readonly EnvVar[], probers: JsonObject, reinjected: boolean): EnvVar[] {
  const at = reinjected ? env.findIndex((item) => item.name === ENVIRONMENT) : -1;
  const known = at >= 0 ? readProbers(env[at]?.value) : {};
  const item = { name: ENVIRONMENT, value: JSON.stringify(sorted({ ...probers, ...known })) };
  return at >= 0 ? env.with(at, item) : [...env, item];
}

function readProbers(text: string | undefined): JsonObject {
  try {
    const parsed: unknown = JSON.parse(text ?? '{}');
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function sorted(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unknownPort(container: Container, path: string): Problem {
  return {
    code: 'unknown-probe-port',
    severity: 'warning',
    path,
    message: `the port is not a number and container ${container.name} declares none of that name; declare it, else the probe fails`,
  };
}
