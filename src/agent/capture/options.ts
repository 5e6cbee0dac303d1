// The arguments and environment of `istio-iptables`, as one checked value. Pure.
import { isIP } from 'node:net';

/** Lists as given; '*' alone means all. Ports are numbers. */
export interface CaptureOptions {
  readonly proxyPort: number;
  readonly inboundPort: number;
  readonly tunnelPort: number;
  readonly uids: readonly string[];
  readonly gids: readonly string[];
  readonly inboundPorts: '*' | readonly number[];
  readonly inboundPortsExclude: readonly number[];
  readonly outboundPortsInclude: readonly number[];
  readonly outboundPortsExclude: readonly number[];
  readonly outboundCidrs: '*' | readonly string[];
  readonly outboundCidrsExclude: readonly string[];
  readonly excludeInterfaces: readonly string[];
  /** Virtual interfaces whose inbound traffic (of a virtual machine) is treated as outbound. */
  readonly virtualInterfaces: readonly string[];
  readonly ownerGroupsInclude: '*' | readonly string[];
  readonly ownerGroupsExclude: readonly string[];
  readonly loopbackCidr: string;
  /** Undefined: DNS is left alone. Otherwise all port 53 traffic, or that to these servers, goes to port 15053. */
  readonly dns?: '*' | readonly string[];
  readonly dropInvalid: boolean;
}

/** What was asked for, with what only the caller can do. */
export interface CaptureRequest {
  readonly options: CaptureOptions;
  /** Print the ruleset instead of loading it. */
  readonly dryRun: boolean;
  /** What was asked for by the environment and is left out, in words for the log. */
  readonly notes: readonly string[];
  /** Do nothing: another component (a CNI plugin) has captured already. */
  readonly skipApply: boolean;
}

const SHORT: Readonly<Record<string, string>> = {
  p: 'envoy-port',
  z: 'inbound-capture-port',
  e: 'inbound-tunnel-port',
  u: 'proxy-uid',
  g: 'proxy-gid',
  m: 'istio-inbound-interception-mode',
  b: 'istio-inbound-ports',
  d: 'istio-local-exclude-ports',
  c: 'istio-exclude-interfaces',
  i: 'istio-service-cidr',
  x: 'istio-service-exclude-cidr',
  q: 'istio-outbound-ports',
  o: 'istio-local-outbound-ports-exclude',
  k: 'kube-virt-interfaces',
  t: 'istio-inbound-tproxy-mark',
  r: 'istio-inbound-tproxy-route-table',
  n: 'dry-run',
  f: 'restore-format',
};
const SWITCHES = new Set([
  'dry-run',
  'restore-format',
  'redirect-dns',
  'capture-all-dns',
  'drop-invalid',
  'skip-rule-apply',
  'run-validation',
  'iptables-trace-logging',
  'force-apply',
  'cni-mode',
  'dual-stack',
]);

/** Reads flags, then the environment (ENVOY_PORT for --envoy-port, …). Throws with every wrong value named. */
export function readCaptureOptions(input: {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Name servers of /etc/resolv.conf. */
  readonly nameservers: readonly string[];
}): CaptureRequest {
  const flags = parseFlags(input.args);
  const problems: string[] = [];
  const text = (name: string, fallback = ''): string =>
    flags.get(name) ?? input.env[name.toUpperCase().replaceAll('-', '_')] ?? fallback;
  const list = (name: string) =>
    text(name)
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean);
  const isOn = (name: string, env?: string) =>
    (flags.get(name) ?? (env ? input.env[env] : undefined) ?? 'false') === 'true';
  const checked = (name: string, items: readonly string[], good: (item: string) => boolean, what: string) => {
    for (const item of items) if (!good(item)) problems.push(`--${name}: '${item}' is not ${what}`);
    return items;
  };
  const ports = (name: string) => checked(name, list(name), isPort, 'a port').map(Number);
  const cidrs = (name: string) => checked(name, list(name), isCidr, 'an address range such as 10.0.0.0/8');
  const names = (name: string, items: readonly string[]) => checked(name, items, (item) => NAME.test(item), 'a name');
  const port = (name: string, fallback: number) =>
    Number(checked(name, [text(name, String(fallback))], isPort, 'a port')[0]);

  const mode = text('istio-inbound-interception-mode', 'REDIRECT');
  if (mode === 'TPROXY') {
    problems.push('-m TPROXY is not supported: traffic is captured by REDIRECT; set the interception mode to REDIRECT');
  } else if (mode !== 'REDIRECT') {
    problems.push(`-m: unknown interception mode '${mode}'; expected REDIRECT`);
  }
  const uids = names('proxy-uid', list('proxy-uid'));
  const gids = names('proxy-gid', list('proxy-gid'));
  const inbound = list('istio-inbound-ports');
  const outbound = list('istio-service-cidr');
  const groups = (input.env.ISTIO_OUTBOUND_OWNER_GROUPS || '*').split(',').filter(Boolean);
  const allDns = isOn('capture-all-dns');
  const options: CaptureOptions = {
    proxyPort: port('envoy-port', 15001),
    inboundPort: port('inbound-capture-port', 15006),
    tunnelPort: port('inbound-tunnel-port', 15008),
    uids: uids.length > 0 ? uids : ['1337'],
    gids: gids.length > 0 ? gids : uids.length > 0 ? uids : ['1337'],
    inboundPorts: inbound.includes('*') ? '*' : ports('istio-inbound-ports'),
    inboundPortsExclude: ports('istio-local-exclude-ports'),
    outboundPortsInclude: ports('istio-outbound-ports'),
    outboundPortsExclude: ports('istio-local-outbound-ports-exclude'),
    outboundCidrs: outbound.includes('*') ? '*' : cidrs('istio-service-cidr'),
    outboundCidrsExclude: cidrs('istio-service-exclude-cidr'),
    excludeInterfaces: names('istio-exclude-interfaces', list('istio-exclude-interfaces')),
    virtualInterfaces: names('kube-virt-interfaces', list('kube-virt-interfaces')),
    ownerGroupsInclude: groups.includes('*') ? '*' : names('ISTIO_OUTBOUND_OWNER_GROUPS', groups),
    ownerGroupsExclude: names(
      'ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE',
      (input.env.ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE ?? '').split(',').filter(Boolean),
    ),
    loopbackCidr: checked(
      'HOST_IPV4_LOOPBACK_CIDR',
      [input.env.HOST_IPV4_LOOPBACK_CIDR || '127.0.0.1/32'],
      isCidr,
      'a range',
    )[0]!,
    dns: isOn('redirect-dns') ? (allDns ? '*' : input.nameservers) : undefined,
    dropInvalid: isOn('drop-invalid', 'INVALID_DROP'),
  };
  if (problems.length > 0) throw new Error(`istio-iptables: ${problems.join('; ')}`);
  const notes: string[] = [];
  if (options.dns === undefined && input.env.ISTIO_META_DNS_CAPTURE === 'true') {
    // The rules would send every question to a port that nobody serves.
    notes.push('ISTIO_META_DNS_CAPTURE is set, but this proxy serves no DNS: questions go where they always went');
  }
  return { options, notes, dryRun: isOn('dry-run'), skipApply: isOn('skip-rule-apply') };
}

/** Group, user and interface names; also keeps anything that nft would read as syntax out of the ruleset. */
const NAME = /^[A-Za-z0-9_.+-]{1,64}$/;

function parseFlags(args: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const match = /^--?([^=]+)(?:=(.*))?$/s.exec(args[i]!);
    if (!match) throw new Error(`istio-iptables: unexpected argument '${args[i]}'`);
    const name = SHORT[match[1]!] ?? match[1]!;
    if (match[2] !== undefined) flags.set(name, match[2]);
    else if (SWITCHES.has(name)) flags.set(name, 'true');
    else flags.set(name, args[++i] ?? '');
  }
  return flags;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65536;
}

function isCidr(text: string): boolean {
  const [address = '', length, more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more !== undefined || address.includes('%')) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128));
}
