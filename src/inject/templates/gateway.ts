// The built-in template `gateway`: the proxy as a router, in a pod that its author wrote with `image: auto`.
import type { JsonObject } from '../json.ts';
import type { PodPatch } from '../pod.ts';
import { PROXY } from '../pod.ts';
import { proxyEnv } from './env.ts';
import { proxyImage } from './image.ts';
import type { Template } from './input.ts';
import * as parts from './parts.ts';
import { proxyMounts, proxyVolumes } from './volumes.ts';

export const gatewayTemplate: Template = (input) => {
  const { gateways, global } = input.values;
  const lifecycle = parts.customLifecycle(input);
  const own = Object.keys(gateways.securityContext).length > 0;
  // Lets an unprivileged process listen on ports 80 and 443.
  const lowPorts: JsonObject = { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] };
  const patch: PodPatch = {
    metadata: { labels: parts.canonicalLabels(input), annotations: parts.commonAnnotations(input) },
    spec: {
      securityContext: own ? gateways.securityContext : lowPorts,
      containers: [
        {
          name: PROXY,
          image: proxyImage(input, 'proxy'),
          ...parts.pullPolicy(input),
          ports: [parts.METRICS_PORT],
          args: parts.proxyArgs(input, 'router'),
          ...(lifecycle ? { lifecycle } : {}),
          securityContext: { runAsUser: 1337, runAsGroup: 1337 },
          env: proxyEnv(input, 'router'),
          readinessProbe: parts.readinessProbe({
            delay: global.proxy.readinessInitialDelaySeconds,
            period: global.proxy.readinessPeriodSeconds,
            failures: global.proxy.readinessFailureThreshold,
          }),
          volumeMounts: proxyMounts(input, 'router'),
        },
      ],
      volumes: proxyVolumes(input, 'router'),
      ...parts.pullSecrets(input),
    },
  };
  return { patch, problems: [] };
};
