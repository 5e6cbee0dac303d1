// Starts Envoy, passes its output through, and tells how it ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { type AgentOptions, isIpv6Only } from './options.ts';

export interface EnvoyExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface EnvoyProcess {
  readonly pid: number | undefined;
  readonly exited: Promise<EnvoyExit>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Envoy's command line. The same flags as under Istio, so that what operators know of them holds. `override` is a partial
 * bootstrap (JSON or YAML) that Envoy merges over the file.
 */
export function envoyArguments(options: AgentOptions, bootstrapFile: string, override?: string): string[] {
  const { addresses, concurrency } = options;
  return [
    ...['-c', bootstrapFile],
    ...(override ? ['--config-yaml', override] : []),
    ...['--drain-time-s', String(Math.round(options.proxyConfig.drainDuration / 1000))],
    ...['--drain-strategy', 'immediate'],
    ...['--local-address-ip-version', isIpv6Only(addresses) ? 'v6' : 'v4'],
    ...['--file-flush-interval-msec', '1000'],
    ...['--disable-hot-restart', '--allow-unknown-static-fields'],
    ...['-l', options.proxyLogLevel],
    ...(options.proxyComponentLogLevel ? ['--component-log-level', options.proxyComponentLogLevel] : []),
    ...(options.logJson ? [] : ['--log-format', '%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t']),
    ...(concurrency ? ['--concurrency', String(concurrency)] : []),
  ];
}

/** Its output goes straight to the container's, without passing through this process. `more` is added to the environment. */
export function startEnvoy(
  binary: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): EnvoyProcess {
  const env = { ...process.env, ...more };
  const child: ChildProcess = spawn(binary, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  const exited = new Promise<EnvoyExit>((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`cannot start Envoy (${binary}): ${error.message}`)));
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  return { pid: child.pid, exited, kill: (signal) => void child.kill(signal) };
}
