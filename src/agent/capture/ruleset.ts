// Traffic capture as one nftables ruleset: what `istio-iptables` does with REDIRECT, for IPv4 and IPv6 in one table. Pure.
import type { CaptureOptions } from './options.ts';

export const TABLE = 'istio-proxy';
const DNS_PORT = 15053;

/** Removes the rules again; loads also where they are not present. */
export function removalRuleset(): string {
  return `table inet ${TABLE}\ndelete table inet ${TABLE}\n`;
}

/**
 * The text for `nft -f -`: one transaction that replaces whatever an earlier run loaded. Order is Istio's, because the
 * first rule that matches decides.
 */
export function captureRuleset(options: CaptureOptions): string {
  const chains = [
    chain('prerouting', 'type nat hook prerouting priority -100; policy accept;', prerouting(options)),
    chain('output', 'type nat hook output priority -100; policy accept;', output(options)),
    chain('to_proxy', '', [`meta l4proto tcp counter redirect to :${options.proxyPort}`]),
    chain('to_proxy_inbound', '', [`meta l4proto tcp counter redirect to :${options.inboundPort}`]),
    ...dnsZones(options),
  ];
  if (options.dropInvalid) {
    // Out-of-window segments would be answered by resets of a captured connection.
    chains.push(
      chain('invalid', 'type filter hook prerouting priority -150; policy accept;', [
        'meta l4proto tcp ct state invalid counter drop',
      ]),
    );
  }
  return `${removalRuleset()}table inet ${TABLE} {\n${chains.join('\n')}}\n`;
}

function prerouting(options: CaptureOptions): string[] {
  const { inboundPorts, outboundCidrs, virtualInterfaces } = options;
  const rules = returns('iifname', options.excludeInterfaces.map(quoted));
  if (virtualInterfaces.length > 0) {
    const from = `iifname ${oneOf(virtualInterfaces.map(quoted))}`;
    rules.push(...includeRules(outboundCidrs).map((match) => `${from} ${match}goto to_proxy`), `${from} return`);
  }
  rules.push(`tcp dport ${options.tunnelPort} return`);
  if (inboundPorts === '*') {
    rules.push(...returns('tcp dport', options.inboundPortsExclude.map(String)), 'goto to_proxy_inbound');
  } else if (inboundPorts.length > 0) {
    rules.push(`tcp dport ${oneOf(inboundPorts.map(String))} goto to_proxy_inbound`);
  }
  return rules;
}

function output(options: CaptureOptions): string[] {
  const excluded = options.outboundPortsExclude.map(String);
  return [
    ...returns('oifname', options.excludeInterfaces.map(quoted)),
    ...returns('tcp dport', excluded),
    ...returns('udp dport', excluded),
    // The source of connections from the inbound proxy to the app, and of the agent's probes.
    'oifname "lo" ip saddr 127.0.0.6 return',
    'oifname "lo" ip6 saddr ::6 return',
    ...owned('meta skuid', options.uids, options),
    ...owned('meta skgid', options.gids, options),
    ...ownerGroups(options),
    ...dnsRedirects(options),
    // What is sent to localhost means localhost.
    `ip daddr ${options.loopbackCidr} return`,
    'ip6 daddr ::1 return',
    ...options.outboundCidrsExclude.map((cidr) => `${daddr(cidr)} return`),
    ...(options.outboundPortsInclude.length > 0
      ? [`tcp dport ${oneOf(options.outboundPortsInclude.map(String))} goto to_proxy`]
      : []),
    ...includeRules(options.outboundCidrs).map((match) => `${match}goto to_proxy`),
  ];
}

/** Rules about sockets of the proxy (`who`): its calls to this pod enter as inbound; others go out as they are. */
function owned(key: string, who: readonly string[], options: CaptureOptions): string[] {
  if (who.length === 0) return [];
  const dns = options.dns !== undefined;
  const own = oneOf(who);
  const ports = dns ? `{ 53, ${options.tunnelPort} }` : String(options.tunnelPort);
  const toItself = (match: string) => `oifname "lo" ${match} tcp dport != ${ports} ${key} ${own} goto to_proxy_inbound`;
  const capturesLoopback =
    options.outboundCidrs !== '*' &&
    options.outboundCidrs.some((cidr) => cidr.startsWith('127.') || cidr.startsWith('::1'));
  return [
    // The app called its own Service and the proxy chose this very pod.
    toItself(`ip daddr != ${options.loopbackCidr}`),
    toItself('ip6 daddr != ::1'),
    // The app called this pod's address itself: not the mesh's business, unless loopback is captured on purpose.
    ...(capturesLoopback ? [] : [`oifname "lo" ${dns ? 'tcp dport != 53 ' : ''}${key} != ${own} return`]),
    // Whatever else the proxy sends is on its way out.
    `${key} ${own} return`,
  ];
}

function ownerGroups({ ownerGroupsInclude, ownerGroupsExclude }: CaptureOptions): string[] {
  if (ownerGroupsInclude !== '*') return [`meta skgid != ${oneOf(ownerGroupsInclude)} return`];
  return returns('meta skgid', ownerGroupsExclude);
}

function dnsRedirects({ dns }: CaptureOptions): string[] {
  if (!dns) return [];
  return (dns === '*' ? [''] : dns.map((server) => `${daddr(server)} `)).flatMap((match) => [
    `${match}tcp dport 53 counter redirect to :${DNS_PORT}`,
    `${match}udp dport 53 counter redirect to :${DNS_PORT}`,
  ]);
}

/** The proxy's own questions and the app's captured ones may use equal ports; zones of their own keep conntrack right. */
function dnsZones(options: CaptureOptions): string[] {
  const { dns, uids, gids } = options;
  if (!dns) return [];
  const servers = dns === '*' ? [''] : dns;
  const own = [`meta skuid ${oneOf(uids)}`, `meta skgid ${oneOf(gids)}`];
  return [
    chain('dns_output', 'type filter hook output priority -300; policy accept;', [
      ...own.flatMap((who) => [
        `udp dport 53 ${who} ct zone set 1 return`,
        `udp sport ${DNS_PORT} ${who} ct zone set 2 return`,
      ]),
      ...servers.map((server) => `${server && `${daddr(server)} `}udp dport 53 ct zone set 2`),
    ]),
    chain(
      'dns_prerouting',
      'type filter hook prerouting priority -300; policy accept;',
      servers.map((server) => `${server && `${saddr(server)} `}udp sport 53 ct zone set 1`),
    ),
  ];
}

/** Matches of what is included: everything, or one a family and range. */
function includeRules(cidrs: '*' | readonly string[]): string[] {
  return cidrs === '*' ? [''] : cidrs.map((cidr) => `${daddr(cidr)} `);
}

function returns(key: string, items: readonly string[]): string[] {
  return items.length > 0 ? [`${key} ${oneOf(items)} return`] : [];
}

function oneOf(items: readonly string[]): string {
  return items.length === 1 ? items[0]! : `{ ${items.join(', ')} }`;
}

function daddr(cidr: string): string {
  return `${cidr.includes(':') ? 'ip6' : 'ip'} daddr ${cidr}`;
}

function saddr(address: string): string {
  return `${address.includes(':') ? 'ip6' : 'ip'} saddr ${address}`;
}

function quoted(name: string): string {
  return `"${name}"`;
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  const lines = [...(hook ? [hook] : []), ...rules];
  return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
}
