// Ports that gateway workloads open (Gateway), free of the API's spelling.
import type { ObjectRef, Protocol } from './service.ts';

export interface ServerTls {
  readonly mode: 'passthrough' | 'simple' | 'mutual' | 'optional-mutual' | 'auto-passthrough' | 'istio-mutual';
  readonly httpsRedirect: boolean;
  readonly credentialNames: readonly string[];
  readonly serverCertificate: string;
  readonly privateKey: string;
  readonly caCertificates: string;
  readonly subjectAltNames: readonly string[];
  readonly minVersion: '' | '1.0' | '1.1' | '1.2' | '1.3';
  readonly maxVersion: '' | '1.0' | '1.1' | '1.2' | '1.3';
  readonly cipherSuites: readonly string[];
}

export interface GatewayServer {
  readonly port: number;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly bind: string;
  /** `namespace/host` patterns; namespace `*` any, `.` the gateway's own (already resolved). */
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[];
  readonly name: string;
  readonly tls?: ServerTls;
}

export interface Gateway {
  readonly source: ObjectRef;
  readonly created: string;
  /** Labels of the gateway workloads; {} selects all gateway pods (in any namespace, as the API does). */
  readonly selector: Readonly<Record<string, string>>;
  readonly servers: readonly GatewayServer[];
}
