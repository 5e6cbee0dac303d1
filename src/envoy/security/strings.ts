// How values of security policies are compared: exactly, by prefix (`a*`), suffix (`*a`) or presence (`*`).
import { isIP } from 'node:net';
import type { StringMatcherSchema } from '../../gen/envoy/type/matcher/v3/string_pb.js';
import type { ValueMatcherSchema } from '../../gen/envoy/type/matcher/v3/value_pb.js';
import type { Init } from '../any.ts';

export type StringInit = Init<typeof StringMatcherSchema>;

export const regexMatch = (regex: string): StringInit => ({ matchPattern: { case: 'safeRegex', value: { regex } } });

export interface StringOptions {
  readonly ignoreCase?: boolean;
  /** Put before the value, as `spiffe://` is before principals. */
  readonly prefix?: string;
}

/** The matcher of one value. `*` asks for any value that is not empty. */
export function stringMatch(value: string, { ignoreCase = false, prefix = '' }: StringOptions = {}): StringInit {
  const text = { ...(ignoreCase && { ignoreCase }) };
  if (value === '*') return regexMatch('.+');
  if (value.startsWith('*')) {
    const suffix = value.slice(1);
    if (prefix) return regexMatch(`${escapeRegex(prefix)}.*${escapeRegex(suffix)}`);
    return { ...text, matchPattern: { case: 'suffix', value: suffix } };
  }
  if (value.endsWith('*')) return { ...text, matchPattern: { case: 'prefix', value: prefix + value.slice(0, -1) } };
  return { ...text, matchPattern: { case: 'exact', value: prefix + value } };
}

/** Escapes for RE2. */
export const escapeRegex = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** `*` inside a longer value stands for anything, the rest for itself. */
export const globRegex = (value: string, any = '.*'): string => value.split('*').map(escapeRegex).join(any);

export const stringValue = (matcher: StringInit): Init<typeof ValueMatcherSchema> => ({
  matchPattern: { case: 'stringMatch', value: matcher },
});

/** A claim that may be one string or a list with the string in it. */
export const stringOrListValue = (matcher: StringInit): Init<typeof ValueMatcherSchema> => ({
  matchPattern: {
    case: 'orMatch',
    value: {
      valueMatchers: [
        stringValue(matcher),
        {
          matchPattern: { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: stringValue(matcher) } } },
        },
      ],
    },
  },
});

/** An address or CIDR; undefined when it is neither. */
export function cidrRange(text: string): { addressPrefix: string; prefixLen: number } | undefined {
  const [addressPrefix = '', length, ...rest] = text.split('/');
  const version = isIP(addressPrefix);
  if (version === 0 || rest.length > 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  const prefixLen = length === undefined ? longest : /^\d+$/.test(length) ? Number(length) : -1;
  return prefixLen >= 0 && prefixLen <= longest ? { addressPrefix, prefixLen } : undefined;
}

/** A name that Envoy takes in a header matcher (pseudo headers too). */
export const isHeaderName = (name: string): boolean => /^:?[A-Za-z0-9!#$%&'*+.^_|~`-]+$/.test(name);
