// The data that a custom injection template sees, under the names that Istio documents (`.Spec.Containers`, `.Values` …).
import type { JsonObject, JsonValue } from '../json.ts';
import { isObject } from '../json.ts';
import { proxyConfigEnv } from '../mesh.ts';
import { excludedInboundPorts } from '../templates/capture.ts';
import { proxyImage } from '../templates/image.ts';
import type { TemplateInput } from '../templates/input.ts';
import { otelResourceAttributes } from '../templates/otel.ts';
import type { TemplateFunctions } from './execute.ts';
import { GoStruct, StringMapValue } from './value.ts';

/** Fields of the structs that templates use, by JSON name. Absent ones have Go's zero value instead of being unknown. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  ObjectMeta: ['name', 'generateName', 'namespace', 'labels', 'annotations', 'ownerReferences', 'uid'],
  PodSpec: [
    ...['containers', 'initContainers', 'volumes', 'serviceAccountName', 'nodeName', 'nodeSelector', 'hostNetwork'],
    ...['restartPolicy', 'dnsPolicy', 'dnsConfig', 'securityContext', 'imagePullSecrets', 'hostname', 'subdomain'],
    ...['affinity', 'tolerations', 'priorityClassName', 'terminationGracePeriodSeconds', 'shareProcessNamespace'],
  ],
  Container: [
    ...['name', 'image', 'command', 'args', 'workingDir', 'ports', 'env', 'envFrom', 'resources', 'volumeMounts'],
    ...['livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'imagePullPolicy', 'securityContext'],
    ...['restartPolicy', 'stdin', 'tty'],
  ],
  ContainerPort: ['name', 'hostPort', 'containerPort', 'protocol', 'hostIP'],
  EnvVar: ['name', 'value', 'valueFrom'],
  VolumeMount: ['name', 'readOnly', 'mountPath', 'subPath', 'mountPropagation', 'subPathExpr'],
  ProxyConfig: [
    ...['interceptionMode', 'proxyMetadata', 'discoveryAddress', 'concurrency', 'statusPort', 'serviceCluster'],
    ...['holdApplicationUntilProxyStarts', 'image', 'meshId', 'drainDuration', 'terminationDrainDuration', 'tracing'],
  ],
  MeshConfig: ['trustDomain', 'proxyListenPort', 'proxyInboundListenPort', 'enablePrometheusMerge'],
};

/** Types of nested fields; a list's items have the same type. */
const NESTED: Readonly<Record<string, string>> = {
  'PodSpec.containers': 'Container',
  'PodSpec.initContainers': 'Container',
  'PodSpec.volumes': 'Volume',
  'Container.ports': 'ContainerPort',
  'Container.env': 'EnvVar',
  'Container.volumeMounts': 'VolumeMount',
};

const STRING_MAPS = new Set(['labels', 'annotations', 'nodeSelector', 'proxyMetadata']);
const LISTS = new Set([
  'containers',
  'initContainers',
  'volumes',
  'ports',
  'env',
  'volumeMounts',
  'command',
  'args',
  'ownerReferences',
  'imagePullSecrets',
  'envFrom',
  'tolerations',
]);
const OBJECTS = new Set([
  'dnsConfig',
  'securityContext',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'valueFrom',
  'affinity',
  'image',
  'tracing',
  'resources',
]);
const NUMBERS = new Set(['containerPort', 'hostPort', 'concurrency', 'statusPort', 'terminationGracePeriodSeconds']);
const BOOLEANS = new Set([
  'hostNetwork',
  'readOnly',
  'stdin',
  'tty',
  'shareProcessNamespace',
  'holdApplicationUntilProxyStarts',
]);

/** Functions of Istio's that are about the pod at hand, whatever their arguments. */
export function templateFunctions(input: TemplateInput): TemplateFunctions {
  return {
    protoToJSON: () => proxyConfigEnv(input.proxyConfig, input.values.global.meshID || input.mesh.trustDomain),
    otelResourceAttributes: () => otelResourceAttributes(input),
    excludeInboundPort: () => excludedInboundPorts(input),
  };
}

/** The root value (`.`) of a custom template. */
export function templateData(input: TemplateInput): GoStruct {
  const { workload, pod, values, mesh } = input;
  const fields: [string, unknown][] = [
    [
      'TypeMeta',
      new GoStruct(
        'TypeMeta',
        [
          ['APIVersion', workload.apiVersion],
          ['Kind', workload.kind],
        ],
        null,
      ),
    ],
    ['DeploymentMeta', struct('ObjectMeta', { name: workload.name, namespace: workload.namespace })],
    ['ObjectMeta', struct('ObjectMeta', pod.metadata ?? {})],
    ['Spec', struct('PodSpec', pod.spec ?? {})],
    ['ProxyConfig', struct('ProxyConfig', input.proxyConfig)],
    ['MeshConfig', struct('MeshConfig', { ...mesh, defaultConfig: undefined } as unknown as JsonObject)],
    ['Values', overlay({ ...values, raw: undefined } as unknown as JsonObject, values.raw)],
    ['Revision', input.revision],
    ['NativeSidecars', input.nativeSidecar],
    ['ProxyImage', proxyImage(input, 'proxy')],
    ['ProxyInitImage', proxyImage(input, 'proxy_init')],
    ['ProxyUID', 1337],
    ['ProxyGID', 1337],
    ['InboundTrafficPolicyMode', mesh.inboundTrafficPolicy.toLowerCase()],
    ['CompliancePolicy', ''],
  ];
  return new GoStruct('SidecarTemplateData', fields, null);
}

function struct(type: string, json: JsonObject): GoStruct {
  const names = new Set([...(FIELDS[type] ?? []), ...Object.keys(json)]);
  const fields = [...names].map((name): [string, unknown] => [goName(name), convert(type, name, json[name])]);
  return new GoStruct(type, fields, json);
}

function convert(type: string, name: string, value: JsonValue | undefined): unknown {
  const nested = NESTED[`${type}.${name}`] ?? goName(name);
  if (STRING_MAPS.has(name)) return new StringMapValue((value ?? {}) as Record<string, string>);
  if (Array.isArray(value)) return value.map((item: JsonValue) => (isObject(item) ? struct(nested, item) : item));
  if (isObject(value)) return struct(nested, value);
  return value ?? zero(name);
}

function zero(name: string): unknown {
  if (LISTS.has(name)) return [];
  if (OBJECTS.has(name)) return null;
  if (NUMBERS.has(name)) return 0;
  return BOOLEANS.has(name) ? false : '';
}

const INITIALISMS = /^(api|uid|dns|tty|http|tcp|grpc|fs|csi|nfs|rbd)(?=[A-Z]|$)/;

/** `containerPort` → `ContainerPort`, `apiVersion` → `APIVersion`, as the Go types are named. */
function goName(json: string): string {
  const named = json.replace(INITIALISMS, (word) => word.toUpperCase());
  return named.charAt(0).toUpperCase() + named.slice(1);
}

/** The values as they came, over the defaults. */
function overlay(base: JsonObject, over: JsonObject): JsonObject {
  const result: Record<string, JsonValue | undefined> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const current = result[key];
    result[key] = isObject(current) && isObject(value) ? overlay(current, value) : value;
  }
  return result;
}
