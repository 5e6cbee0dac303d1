// `proxy-config log`: what Envoy's loggers are set to, and how to ask Envoy for other levels.
import { CliError } from '../errors.ts';

/** Envoy's own, and Istio's word for silence. */
const LEVELS: Readonly<Record<string, string>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warning',
  warn: 'warning',
  error: 'error',
  critical: 'critical',
  off: 'off',
  none: 'off',
};

/** What `--reset` goes back to: the level that injected proxies start with. */
export const DEFAULT_LEVEL = 'warning';

/**
 * Paths to POST to Envoy's admin port, in order, for `debug` (all loggers) or `http:debug,router:info` (some of them).
 * Throws CliError for a level that Envoy does not have.
 */
export function logRequests(text: string): string[] {
  const all: string[] = [];
  const some: string[] = [];
  for (const word of text.split(',').map((part) => part.trim())) {
    const colon = word.lastIndexOf(':');
    const logger = word.slice(0, Math.max(colon, 0));
    const level = LEVELS[word.slice(colon + 1).toLowerCase()];
    if (!level || (colon >= 0 && !/^[\w-]+$/.test(logger))) {
      throw new CliError(
        `--level ${word}: write a level, or logger:level; levels are ${Object.keys(LEVELS).slice(0, 4).join(', ')}, error, critical and off`,
      );
    }
    if (colon < 0) all.push(`/logging?level=${level}`);
    else some.push(`${logger}:${level}`);
  }
  return [...all.slice(-1), ...(some.length ? [`/logging?paths=${some.join(',')}`] : [])];
}

/** Logger → level, from the answer of `POST /logging`. */
export function logLevels(answer: string): Record<string, string> {
  const found = answer.matchAll(/^\s+([\w.-]+): (\w+)\s*$/gm);
  return Object.fromEntries([...found].map(([, logger = '', level = '']) => [logger, level]));
}
