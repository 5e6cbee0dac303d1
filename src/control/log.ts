// Logs with scopes: JSON (pino) or the text that istiod's users know; the level of every scope can change at run time.
import pino from 'pino';

export const LEVELS = ['debug', 'info', 'warn', 'error', 'none'] as const;
export type Level = (typeof LEVELS)[number];

export type Fields = Readonly<Record<string, unknown>>;

/** Writes one scope's messages. Fields are data beside the message. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** True when messages of this level are written; ask before computing something only to log it. */
  enabled(level: Level): boolean;
}

export interface Logs {
  scope(name: string): Log;
  /** Level of every scope that has been used or set. */
  levels(): Readonly<Record<string, Level>>;
  /** Sets one scope; `all` sets every scope, `default` those that have no level of their own. */
  setLevel(scope: string, level: Level): void;
}

export interface LogsOptions {
  readonly json?: boolean;
  /** As istiod's `--log_output_level`: `default:info,ads:debug`. */
  readonly levels?: string;
  /** Where lines go; stdout unless given. */
  readonly write?: (line: string) => void;
  readonly now?: () => number;
}

/** Opens the logs of a process. Throws RangeError for a level that does not exist. */
export function createLogs(options: LogsOptions = {}): Logs {
  const { json = false, now = Date.now } = options;
  const own = new Map<string, Level>();
  const used = new Set<string>();
  let fallback: Level = 'info';
  const destination = options.write ? { write: options.write } : pino.destination({ dest: 1, sync: true });
  const sink = pino(
    {
      level: 'debug',
      base: null,
      timestamp: () => `,"time":"${stamp(now())}"`,
      messageKey: 'msg',
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  );

  const emit = (scope: string, level: Exclude<Level, 'none'>, message: string, fields: Fields = {}): void => {
    if (rank(level) < rank(own.get(scope) ?? fallback)) return;
    if (json) sink[level]({ scope, ...plain(fields) }, message);
    else
      destination.write(
        `${stamp(now())}\t${level}\t${scope === 'default' ? '' : `${scope}\t`}${oneLine(message)}${text(fields)}\n`,
      );
  };
  const setLevel = (scope: string, level: Level): void => {
    if (scope === 'all') {
      own.clear();
      fallback = level;
    } else if (scope === 'default') fallback = level;
    else own.set(scope, level);
  };
  for (const [scope, level] of parseLevels(options.levels ?? '')) setLevel(scope, level);
  return {
    scope(name) {
      used.add(name);
      return {
        debug: (message, fields) => emit(name, 'debug', message, fields),
        info: (message, fields) => emit(name, 'info', message, fields),
        warn: (message, fields) => emit(name, 'warn', message, fields),
        error: (message, fields) => emit(name, 'error', message, fields),
        enabled: (level) => rank(level) >= rank(own.get(name) ?? fallback),
      };
    },
    levels: () => {
      const scopes = [...new Set(['default', ...used, ...own.keys()])].sort();
      return Object.fromEntries(scopes.map((scope) => [scope, own.get(scope) ?? fallback]));
    },
    setLevel,
  };
}

/** Reads `scope:level,scope:level` (a level alone is for `default`). Throws RangeError for anything else. */
export function parseLevels(text: string): [scope: string, level: Level][] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map((entry) => {
      const colon = entry.lastIndexOf(':');
      const scope = colon < 0 ? 'default' : entry.slice(0, colon);
      const level = entry.slice(colon + 1);
      const known = level === 'fatal' ? 'error' : LEVELS.find((candidate) => candidate === level);
      if (!known || !scope) throw new RangeError(`"${entry}" is not <scope>:<level>; levels are ${LEVELS.join(', ')}`);
      return [scope, known];
    });
}

function rank(level: Level): number {
  return LEVELS.indexOf(level);
}

function stamp(ms: number): string {
  return new Date(ms).toISOString();
}

/** A line is one event: what others wrote into a message must not look like another one. */
function oneLine(message: string): string {
  return message.replace(/[\r\n]+/g, ' ');
}

function plain(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value.message : value]),
  );
}

function text(fields: Fields): string {
  const parts = Object.entries(plain(fields)).filter(([, value]) => value !== undefined && value !== '');
  return parts
    .map(
      ([key, value]) =>
        `\t${key}=${typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)}`,
    )
    .join('');
}
