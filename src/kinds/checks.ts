// Checks that several kinds share: host names, ports, durations, addresses, regular expressions.
import { isIP } from 'node:net';
import { type Problem, problem } from '../model/problem.ts';

/** Collects problems under a path. */
export class Findings {
  readonly problems: Problem[] = [];

  /** Adds a problem unless `ok`. Returns `ok`. */
  require(ok: unknown, code: string, path: string, message: string): boolean {
    if (!ok) this.problems.push(problem(code, path, message));
    return Boolean(ok);
  }

  /** Adds a problem that does not make the object unusable. */
  advise(ok: unknown, code: string, path: string, message: string): void {
    if (!ok) this.problems.push({ code, severity: 'warning', path, message });
  }
}

const LABEL = /^[a-z0-9]([-a-z0-9_]*[a-z0-9])?$/i;
const MAX_NAME = 255;

/** A fully qualified or short host name. */
export function isHost(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= MAX_NAME &&
    name
      .replace(/\.$/, '')
      .split('.')
      .every((l) => l.length <= 63 && LABEL.test(l))
  );
}

/** A host name whose first label may be or end in `*`; `*` alone too. */
export function isWildcardHost(name: string): boolean {
  if (name === '*') return true;
  if (!name.startsWith('*')) return isHost(name);
  const rest = name.slice(1);
  return rest.startsWith('.') ? isHost(rest.slice(1)) : isHost(`x${rest}`);
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

export function isAddress(address: string): boolean {
  return isIP(address) !== 0;
}

/** An address or a range in CIDR notation. */
export function isCidr(written: string): boolean {
  const [address = '', length, more] = written.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  if (length === undefined) return true;
  return /^\d+$/.test(length) && Number(length) <= (version === 4 ? 32 : 128);
}

/** A DNS label, as names of subsets and ports must be. */
export function isDnsLabel(name: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/i.test(name);
}

/**
 * Why a regular expression cannot be used, or undefined. Envoy uses RE2: what JavaScript has beyond it is refused, what
 * RE2 has beyond JavaScript (flags for all of the expression, POSIX classes, `\pL`, `\Q…\E`) is accepted.
 */
export function regexFault(source: string): string | undefined {
  if (/\(\?(=|!|<=|<!)/.test(source)) return 'RE2 has no look-ahead or look-behind';
  if (/(^|[^\\])(\\\\)*\\[1-9]/.test(source)) return 'RE2 has no back-references';
  const readable = source
    .replace(/\(\?P</g, '(?<')
    .replace(/\(\?[imsU]+\)/g, '')
    .replace(/\(\?[imsU]*(-[imsU]+)?:/g, '(?:')
    .replace(/\[\[:\^?\w+:\]/g, '[a')
    .replace(/\[:\^?\w+:\]/g, 'a')
    .replace(/\\[pP](\{\^?\w+\}|\w)/g, 'a')
    .replace(/\\[AzQEC]/g, '');
  try {
    new RegExp(readable);
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^Invalid regular expression: /, '');
  }
}

interface Duration {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** Durations shorter than a millisecond (or negative) mean nothing to Envoy. Absent is fine. */
export function checkDuration(f: Findings, value: Duration | undefined, path: string): void {
  if (!value) return;
  const ms = Number(value.seconds) * 1000 + value.nanos / 1e6;
  f.require(ms >= 1, 'duration-too-short', path, 'Give a duration of at least 1ms.');
}

/** As checkDuration, but 0 is allowed and means off. */
export function checkDurationOrZero(f: Findings, value: Duration | undefined, path: string): void {
  if (value && (value.seconds !== 0n || value.nanos !== 0)) checkDuration(f, value, path);
}

export function checkExportTo(f: Findings, exportTo: readonly string[]): void {
  const seen = new Set<string>();
  for (const [i, name] of exportTo.entries()) {
    const path = `spec.exportTo[${i}]`;
    f.require(
      name === '*' || name === '.' || name === '~' || isDnsLabel(name),
      'bad-export',
      path,
      `"${name}" is neither ".", "*", "~" nor the name of a namespace.`,
    );
    f.require(!seen.has(name), 'duplicate', path, `"${name}" is listed twice.`);
    seen.add(name);
  }
  if (exportTo.length > 1) {
    f.require(!seen.has('*'), 'bad-export', 'spec.exportTo', 'Remove the other namespaces: "*" already means all.');
    f.require(!seen.has('~'), 'bad-export', 'spec.exportTo', 'Remove the other namespaces: "~" means nobody.');
  }
}

export function checkLabels(f: Findings, labels: Readonly<Record<string, string>>, path: string): void {
  for (const [key, value] of Object.entries(labels)) {
    const name = key.includes('/') ? key.slice(key.indexOf('/') + 1) : key;
    f.require(
      /^[a-z0-9]([-a-z0-9_.]{0,61}[a-z0-9])?$/i.test(name),
      'bad-label',
      `${path}.${key}`,
      `"${key}" is no label name.`,
    );
    const good = value === '' || /^[a-z0-9]([-a-z0-9_.]{0,61}[a-z0-9])?$/i.test(value);
    f.require(good, 'bad-label', `${path}.${key}`, `"${value}" is no label value.`);
  }
}

/** A workload selector: labels without wildcards and empty names. */
export function checkSelector(f: Findings, labels: Readonly<Record<string, string>> | undefined, path: string): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    f.require(key !== '', 'bad-selector', path, 'A label to select by has no name.');
    f.require(!`${key}${value}`.includes('*'), 'bad-selector', `${path}.${key}`, 'Selectors cannot have wildcards.');
  }
}

/** `namespace/host` or a host alone. */
export function checkNamespacedHost(f: Findings, written: string, path: string): void {
  const slash = written.indexOf('/');
  const namespace = slash < 0 ? '*' : written.slice(0, slash);
  const host = slash < 0 ? written : written.slice(slash + 1);
  f.require(
    namespace === '*' || namespace === '.' || namespace === '~' || isDnsLabel(namespace),
    'bad-host',
    path,
    `"${namespace}" is no namespace; write "*", "." or a name before the slash.`,
  );
  f.require(isWildcardHost(host), 'bad-host', path, `"${host}" is no host name.`);
}

export const PROTOCOLS: ReadonlySet<string> = new Set([
  'HTTP',
  'HTTPS',
  'GRPC',
  'GRPC-WEB',
  'HTTP2',
  'MONGO',
  'REDIS',
  'MYSQL',
  'TCP',
  'TLS',
  'UDP',
  'HTTP_PROXY',
  'HBONE',
]);

export interface ApiPort {
  readonly number: number;
  readonly protocol: string;
  readonly name: string;
}

export function checkPort(f: Findings, port: ApiPort | undefined, path: string): void {
  if (!f.require(port, 'missing-field', path, 'Give a port.') || !port) return;
  f.require(isPort(port.number), 'bad-port', `${path}.number`, 'A port is a number from 1 to 65535.');
  f.require(port.name !== '', 'missing-field', `${path}.name`, 'Give the port a name.');
  f.require(
    PROTOCOLS.has(port.protocol.toUpperCase()),
    'bad-protocol',
    `${path}.protocol`,
    `"${port.protocol}" is no known protocol; one of ${[...PROTOCOLS].join(', ')}.`,
  );
}
