// The container that redirects the pod's traffic to the proxy (istio-init), or checks that a CNI plugin did (istio-validation).
import type { JsonObject } from '../json.ts';
import type { Container } from '../pod.ts';
import { annotationsOf, INIT, VALIDATION } from '../pod.ts';
import { metadataEnv } from './env.ts';
import { proxyImage } from './image.ts';
import type { TemplateInput } from './input.ts';
import { annotation, interceptionMode, statusPort } from './input.ts';
import { agentLogLevel, proxyResources, pullPolicy, seccomp } from './parts.ts';

/** Ports of the proxy itself, never captured: Envoy's metrics and health. */
const OWN_PORTS = ['15090', '15021'];

export function captureContainer(input: TemplateInput): Container {
  const { global, pilot } = input.values;
  const env = metadataEnv(input);
  return {
    name: pilot.cni.enabled ? VALIDATION : INIT,
    image: proxyImage(input, 'proxy_init'),
    args: captureArgs(input),
    ...pullPolicy(input),
    ...(env.length > 0 ? { env } : {}),
    resources: proxyResources(input),
    securityContext: {
      allowPrivilegeEscalation: global.proxy.privileged,
      privileged: global.proxy.privileged,
      capabilities: pilot.cni.enabled ? { drop: ['ALL'] } : { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      ...(pilot.cni.enabled ? asProxy() : asRoot()),
      ...seccomp(global.proxy.seccompProfile),
    },
  };
}

/** The port list for exclusion: what the annotation or the values say, and the agent's port unless probes are off. */
export function excludedInboundPorts(input: TemplateInput): string {
  const given = annotation(
    input,
    'traffic.sidecar.istio.io/excludeInboundPorts',
    input.values.global.proxy.excludeInboundPorts,
  );
  const port = statusPort(input);
  const ports = given
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return port === '0' || ports.includes(port) ? ports.join(',') : [...ports, port].join(',');
}

function captureArgs(input: TemplateInput): string[] {
  const { global, pilot } = input.values;
  const { proxy, proxy_init: init } = global;
  const annotations = annotationsOf(input.pod);
  const traffic = (name: string, fallback: string) => annotation(input, `traffic.sidecar.istio.io/${name}`, fallback);
  const excluded = excludedInboundPorts(input);
  const args = [
    ...['istio-iptables', '-p', String(input.mesh.proxyListenPort), '-z', String(input.mesh.proxyInboundListenPort)],
    ...['-u', '1337', '-m', interceptionMode(input)],
    ...['-i', traffic('includeOutboundIPRanges', proxy.includeIPRanges)],
    ...['-x', traffic('excludeOutboundIPRanges', proxy.excludeIPRanges)],
    ...['-b', traffic('includeInboundPorts', proxy.includeInboundPorts)],
    ...['-d', [...OWN_PORTS, ...(excluded ? [excluded] : [])].join(',')],
  ];
  const options: [string, string | undefined][] = [
    ['-q', annotations['traffic.sidecar.istio.io/includeOutboundPorts'] ?? (proxy.includeOutboundPorts || undefined)],
    ['-o', annotations['traffic.sidecar.istio.io/excludeOutboundPorts'] ?? (proxy.excludeOutboundPorts || undefined)],
    [
      '-k',
      annotations['istio.io/reroute-virtual-interfaces'] ?? annotations['traffic.sidecar.istio.io/kubevirtInterfaces'],
    ],
    ['-c', annotations['traffic.sidecar.istio.io/excludeInterfaces']],
  ];
  for (const [flag, value] of options) if (value !== undefined) args.push(flag, value);
  args.push(`--log_output_level=${agentLogLevel(input)}`);
  if (global.logAsJson) args.push('--log_as_json');
  if (pilot.cni.enabled) args.push('--run-validation', '--skip-rule-apply');
  else if (init.forceApplyIptables) args.push('--force-apply');
  if (global.nativeNftables) args.push('--native-nftables');
  return args;
}

function asRoot(): JsonObject {
  return { readOnlyRootFilesystem: false, runAsGroup: 0, runAsNonRoot: false, runAsUser: 0 };
}

function asProxy(): JsonObject {
  return { readOnlyRootFilesystem: true, runAsGroup: 1337, runAsNonRoot: true, runAsUser: 1337 };
}
