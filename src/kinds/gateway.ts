// Istio Gateway.
import {
  type Gateway,
  GatewaySchema,
  ServerTLSSettings_TLSmode as Mode,
  type Server,
  type ServerTLSSettings,
} from '../gen/networking/v1alpha3/gateway_pb.js';
import type { Problem } from '../model/problem.ts';
import { checkNamespacedHost, checkPort, checkSelector, Findings, isAddress } from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type GatewayConfig = Config<Gateway>;

export const gatewayKind = istioKind({
  id: 'gateway',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Gateway',
  plural: 'gateways',
  schema: GatewaySchema,
  check,
});

function check(spec: Gateway): Problem[] {
  const f = new Findings();
  f.require(spec.servers.length > 0, 'missing-field', 'spec.servers', 'Give at least one server.');
  checkSelector(f, spec.selector, 'spec.selector');
  const names = new Set<string>();
  for (const [i, server] of spec.servers.entries()) {
    const path = `spec.servers[${i}]`;
    checkServer(f, server, path);
    const name = server.port?.name ?? '';
    f.require(!name || !names.has(name), 'duplicate', `${path}.port.name`, `There are two ports "${name}".`);
    names.add(name);
  }
  return f.problems;
}

function checkServer(f: Findings, server: Server, path: string): void {
  checkPort(f, server.port, `${path}.port`);
  f.require(server.hosts.length > 0, 'missing-field', `${path}.hosts`, 'Give at least one host; "*" stands for all.');
  for (const [i, host] of server.hosts.entries()) checkNamespacedHost(f, host, `${path}.hosts[${i}]`);
  if (server.bind && !server.bind.startsWith('unix://')) {
    f.require(isAddress(server.bind), 'bad-address', `${path}.bind`, `"${server.bind}" is no address.`);
  }
  const protocol = server.port?.protocol.toUpperCase() ?? '';
  const secure = protocol === 'HTTPS' || protocol === 'TLS';
  if (secure) f.require(server.tls, 'missing-field', `${path}.tls`, `A server for ${protocol} needs TLS settings.`);
  if (!server.tls) return;
  checkServerTls(f, server.tls, `${path}.tls`);
  if (protocol === 'HTTP' || protocol === 'HTTP2' || protocol === 'GRPC') {
    f.require(
      server.tls.mode === Mode.PASSTHROUGH,
      'conflict',
      `${path}.tls`,
      `A plaintext ${protocol} server cannot terminate TLS: use protocol HTTPS, or only httpsRedirect here.`,
    );
  }
  if (protocol === 'HTTPS' && server.tls.httpsRedirect) {
    f.advise(
      false,
      'conflict',
      `${path}.tls.httpsRedirect`,
      'An HTTPS server has nothing to redirect; set it on the HTTP server.',
    );
  }
}

function checkServerTls(f: Findings, tls: ServerTLSSettings, path: string): void {
  const named = tls.credentialName !== '' || tls.credentialNames.length > 0 || tls.tlsCertificates.length > 0;
  switch (tls.mode) {
    case Mode.SIMPLE:
    case Mode.MUTUAL:
    case Mode.OPTIONAL_MUTUAL:
      if (named) break;
      f.require(
        tls.serverCertificate,
        'missing-field',
        `${path}.serverCertificate`,
        'Give a credentialName or a certificate file.',
      );
      f.require(tls.privateKey, 'missing-field', `${path}.privateKey`, 'Give a credentialName or a private key file.');
      if (tls.mode === Mode.SIMPLE) break;
      f.require(
        tls.caCertificates || tls.caCertCredentialName,
        'missing-field',
        `${path}.caCertificates`,
        'Say which authorities client certificates must come from.',
      );
      break;
    case Mode.ISTIO_MUTUAL:
      f.require(
        !(named || tls.serverCertificate || tls.privateKey || tls.caCertificates),
        'conflict',
        path,
        'ISTIO_MUTUAL uses the mesh certificate; remove the certificates.',
      );
  }
  const { minProtocolVersion: min, maxProtocolVersion: max } = tls;
  f.require(
    min === 0 || max === 0 || min <= max,
    'conflict',
    `${path}.minProtocolVersion`,
    'The minimum version is above the maximum.',
  );
}
