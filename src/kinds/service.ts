// Kubernetes Service.
import { coreKind, integer, record, records, strings } from './core-kind.ts';
import { internLabels } from './intern.ts';
import { readMeta, text } from './meta.ts';
import type { Labels, Meta } from './object.ts';

export interface ServicePortValue {
  readonly name: string;
  readonly port: number;
  readonly transport: 'TCP' | 'UDP' | 'SCTP';
  readonly appProtocol: string;
  /** Number or name; '' when equal to `port`. */
  readonly targetPort: string;
  readonly nodePort: number;
}

export interface ServiceValue {
  readonly meta: Meta;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** Empty for headless and ExternalName. */
  readonly clusterIps: readonly string[];
  readonly headless: boolean;
  readonly externalName: string;
  readonly externalIps: readonly string[];
  /** Addresses and host names handed out by the load balancer. */
  readonly ingress: readonly string[];
  readonly selector: Labels | undefined;
  readonly ports: readonly ServicePortValue[];
  readonly publishNotReady: boolean;
  readonly nodeLocal: boolean;
  readonly clientAffinity: boolean;
}

export const serviceKind = coreKind<ServiceValue>({
  id: 'service',
  group: '',
  versions: ['v1'],
  kind: 'Service',
  plural: 'services',
  namespaced: true,
  read(raw) {
    const spec = record(raw.spec);
    const type = text(spec.type) || 'ClusterIP';
    const ips = (strings(spec.clusterIPs).length > 0 ? strings(spec.clusterIPs) : [text(spec.clusterIP)]).filter(
      Boolean,
    );
    const headless = ips.includes('None');
    return {
      meta: readMeta(raw),
      type: type as ServiceValue['type'],
      clusterIps: headless || type === 'ExternalName' ? [] : ips,
      headless,
      externalName: type === 'ExternalName' ? text(spec.externalName).toLowerCase() : '',
      externalIps: strings(spec.externalIPs),
      ingress: records(record(record(raw.status).loadBalancer).ingress)
        .map((i) => text(i.ip) || text(i.hostname))
        .filter(Boolean),
      selector:
        spec.selector && Object.keys(record(spec.selector)).length > 0 ? internLabels(spec.selector) : undefined,
      ports: records(spec.ports).map(readPort),
      publishNotReady: spec.publishNotReadyAddresses === true,
      nodeLocal: spec.internalTrafficPolicy === 'Local',
      clientAffinity: spec.sessionAffinity === 'ClientIP',
    };
  },
});

function readPort(port: Record<string, unknown>): ServicePortValue {
  const target = port.targetPort === undefined || port.targetPort === null ? '' : String(port.targetPort);
  const number = integer(port.port);
  return {
    name: text(port.name),
    port: number,
    transport: (text(port.protocol) || 'TCP') as ServicePortValue['transport'],
    appProtocol: text(port.appProtocol),
    targetPort: target === String(number) || target === '0' ? '' : target,
    nodePort: integer(port.nodePort),
  };
}
