// The built-in template `sidecar`: capture container, proxy container (native or not) and their volumes.
import type { JsonObject } from '../json.ts';
import type { Container, PodPatch } from '../pod.ts';
import { annotationsOf, labelsOf, PROXY } from '../pod.ts';
import { captureContainer } from './capture.ts';
import { cniAnnotations } from './cni.ts';
import { proxyEnv } from './env.ts';
import { proxyImage } from './image.ts';
import type { Template, TemplateInput } from './input.ts';
import { annotation, holdsApplication, interceptionMode, statusPort, usesNativeSidecar } from './input.ts';
import * as parts from './parts.ts';
import { proxyMounts, proxyVolumes } from './volumes.ts';

export const sidecarTemplate: Template = (input) => {
  const native = usesNativeSidecar(input);
  const capture = interceptionMode(input) === 'NONE' ? [] : [captureContainer(input)];
  const proxy = proxyContainer(input, native);
  const patch: PodPatch = {
    metadata: {
      labels: {
        'security.istio.io/tlsMode': labelsOf(input.pod)['security.istio.io/tlsMode'] || 'istio',
        ...parts.canonicalLabels(input),
      },
      annotations: { ...parts.commonAnnotations(input), ...cniAnnotations(input) },
    },
    spec: {
      initContainers: native ? [...capture, proxy] : capture,
      containers: native ? [] : [proxy],
      volumes: proxyVolumes(input, 'sidecar'),
      ...parts.pullSecrets(input),
    },
  };
  return { patch, problems: [] };
};

function proxyContainer(input: TemplateInput, native: boolean): Container {
  const lifecycle = proxyLifecycle(input, native);
  return {
    name: PROXY,
    image: proxyImage(input, 'proxy'),
    ...(native ? { restartPolicy: 'Always' } : {}),
    ...parts.pullPolicy(input),
    ports: [parts.METRICS_PORT],
    args: parts.proxyArgs(input, 'sidecar'),
    ...(lifecycle ? { lifecycle } : {}),
    env: proxyEnv(input, 'sidecar'),
    ...probes(input),
    securityContext: securityContext(input),
    resources: parts.proxyResources(input),
    volumeMounts: proxyMounts(input, 'sidecar'),
  };
}

/**
 * A native sidecar is stopped after the application, so it starts to drain by a hook and ends by the later SIGTERM.
 * Otherwise, when the application must wait, the hook blocks the start of the containers that follow.
 */
function proxyLifecycle(input: TemplateInput, native: boolean): JsonObject | undefined {
  const custom = parts.customLifecycle(input);
  if (custom) return custom;
  if (native) {
    const command = ['pilot-agent', 'request', `--debug-port=${statusPort(input)}`, 'POST', 'drain'];
    return { preStop: { exec: { command } } };
  }
  if (holdsApplication(input)) return { postStart: { exec: { command: ['pilot-agent', 'wait'] } } };
  return undefined;
}

/** Status port 0 turns the probes off. */
function probes(input: TemplateInput): JsonObject {
  if (statusPort(input) === '0') return {};
  const { proxy } = input.values.global;
  const number = (name: string, fallback: number) =>
    Number(annotation(input, `readiness.status.sidecar.istio.io/${name}`, fallback));
  const readiness = parts.readinessProbe({
    delay: number('initialDelaySeconds', proxy.readinessInitialDelaySeconds),
    period: number('periodSeconds', proxy.readinessPeriodSeconds),
    failures: number('failureThreshold', proxy.readinessFailureThreshold),
  });
  if (!proxy.startupProbe.enabled) return { readinessProbe: readiness };
  const startup = parts.readinessProbe({ delay: 0, period: 1, failures: proxy.startupProbe.failureThreshold });
  return { startupProbe: startup, readinessProbe: readiness };
}

/** Unprivileged, without capabilities. Transparent capture and low ports need one each, and root to hold it. */
function securityContext(input: TemplateInput): JsonObject {
  const { proxy } = input.values.global;
  const transparent = interceptionMode(input) === 'TPROXY';
  const wish = annotationsOf(input.pod)['sidecar.istio.io/capNetBindService'];
  const lowPorts = wish === undefined ? proxy.capNetBindService : wish === 'true';
  const add = [...(transparent ? ['NET_ADMIN'] : []), ...(lowPorts ? ['NET_BIND_SERVICE'] : [])];
  const root = add.length > 0;
  return {
    allowPrivilegeEscalation: proxy.privileged,
    privileged: proxy.privileged,
    capabilities: root ? { add, drop: ['ALL'] } : { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: !root,
    runAsUser: root ? 0 : 1337,
    runAsGroup: 1337,
    ...parts.seccomp(proxy.seccompProfile),
  };
}
