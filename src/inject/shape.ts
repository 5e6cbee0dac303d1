// The shapes that injection relies on, checked before it starts: an object in the wrong place is a problem with its path.
import type { Problem } from '../model/problem.ts';
import { isObject } from './json.ts';

type Shape =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'port' | 'any-object' }
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'map'; readonly of: Shape }
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, Shape>>; readonly required: readonly string[] };

const string: Shape = { kind: 'string' };
const number: Shape = { kind: 'number' };
const boolean: Shape = { kind: 'boolean' };
const anything: Shape = { kind: 'any-object' };
const list = (of: Shape): Shape => ({ kind: 'list', of });
const map = (of: Shape): Shape => ({ kind: 'map', of });
const object = (fields: Readonly<Record<string, Shape>>, required: readonly string[] = []): Shape => ({
  kind: 'object',
  fields,
  required,
});
const named = (fields: Readonly<Record<string, Shape>> = {}): Shape => object({ name: string, ...fields }, ['name']);

/** A number, or the name of a container's port. */
const action = object({ port: { kind: 'port' } });
const handler = object({ httpGet: action, tcpSocket: action, grpc: action, exec: anything, timeoutSeconds: number });

const container = named({
  image: string,
  args: list(string),
  env: list(named()),
  ports: list(object({ name: string, containerPort: number })),
  readinessProbe: handler,
  livenessProbe: handler,
  startupProbe: handler,
  lifecycle: object({ preStop: handler, postStart: handler }),
  securityContext: anything,
  volumeMounts: list(anything),
  restartPolicy: string,
});

const owner = object({ apiVersion: string, kind: string, name: string, controller: boolean });

const pod = object({
  metadata: object({
    name: string,
    generateName: string,
    namespace: string,
    labels: map(string),
    annotations: map(string),
    ownerReferences: list(owner),
  }),
  spec: object({
    containers: list(container),
    initContainers: list(container),
    volumes: list(named()),
    imagePullSecrets: list(anything),
    hostNetwork: boolean,
    serviceAccountName: string,
    nodeName: string,
    dnsPolicy: string,
  }),
});

const overrides = object({ containers: list(container), initContainers: list(container) });

/** All places of a pod, or of a part of one, that do not have the type Kubernetes gives them. */
export function checkPod(value: unknown): Problem[] {
  return check(value, pod, '');
}

/** The same for the content of the annotation `proxy.istio.io/overrides`. */
export function checkOverrides(value: unknown): Problem[] {
  return check(value, overrides, '');
}

function check(value: unknown, shape: Shape, path: string): Problem[] {
  // As in Kubernetes, null means absent.
  if (value === undefined || value === null) return [];
  switch (shape.kind) {
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === shape.kind ? [] : [wrong(path, `a ${shape.kind}`, value)];
    case 'port':
      return ['string', 'number'].includes(typeof value) ? [] : [wrong(path, 'a port number or name', value)];
    case 'any-object':
      return isObject(value) ? [] : [wrong(path, 'an object', value)];
    case 'list':
      if (!Array.isArray(value)) return [wrong(path, 'a list', value)];
      return value.flatMap((item, at) => checkItem(item, shape.of, `${path}[${at}]`));
    case 'map':
      if (!isObject(value)) return [wrong(path, 'an object', value)];
      return Object.entries(value).flatMap(([key, item]) => checkItem(item, shape.of, `${path}["${key}"]`));
    case 'object': {
      if (!isObject(value)) return [wrong(path || 'the pod', 'an object', value)];
      const problems = Object.entries(shape.fields).flatMap(([name, of]) =>
        check(value[name], of, path ? `${path}.${name}` : name),
      );
      const missing = shape.required.filter((name) => (value[name] ?? null) === null);
      return [...problems, ...missing.map((name) => wrong(`${path}.${name}`, 'given', null))];
    }
  }
}

/** An item of a list or map must be there; one with a `$patch` directive need not have a name. */
function checkItem(item: unknown, shape: Shape, path: string): Problem[] {
  if (item === null || item === undefined) return [wrong(path, 'given', null)];
  const relaxed =
    shape.kind === 'object' && isObject(item) && item.$patch !== undefined ? { ...shape, required: [] } : shape;
  return check(item, relaxed, path);
}

function wrong(path: string, expected: string, found: unknown): Problem {
  const what = found === null ? 'missing' : Array.isArray(found) ? 'a list' : `a ${typeof found}`;
  return { code: 'wrong-type', severity: 'error', path, message: `${path} must be ${expected}, it is ${what}` };
}
