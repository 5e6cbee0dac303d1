// The agent's logger: one line an event, as text or JSON, small enough for a process that every pod pays for.

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'none';
export type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

const ORDER: readonly Level[] = ['debug', 'info', 'warn', 'error', 'none'];

/** Writes lines to `write` (stdout by default). Time stamps are UTC, as in Istio's own logs. */
export function createLogger(
  options: { level?: Level; json?: boolean; now?: () => Date; write?: (line: string) => void } = {},
): Logger {
  const {
    level = 'info',
    json = false,
    now = () => new Date(),
    write = (line) => void process.stdout.write(line),
  } = options;
  const log = (at: Level) => (message: string, fields?: Fields) => {
    if (ORDER.indexOf(at) < ORDER.indexOf(level)) return;
    const time = now().toISOString();
    write(
      json
        ? `${JSON.stringify({ level: at, time, scope: 'agent', msg: message, ...fields })}\n`
        : `${time}\t${at}\t${message}${fields ? Object.entries(fields).map(field).join('') : ''}\n`,
    );
  };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}

function field([name, value]: [string, unknown]): string {
  return value === undefined ? '' : `\t${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
}

/** Level of the default scope in Istio's `--log_output_level`, e.g. `default:info,ca:debug` or just `debug`. */
export function defaultLevel(setting: string | undefined): Level {
  for (const part of (setting ?? '').split(',')) {
    const [scope, level] = part.includes(':') ? part.split(':') : ['default', part];
    if ((scope === 'default' || scope === 'all') && ORDER.includes(level as Level)) return level as Level;
  }
  return 'info';
}
