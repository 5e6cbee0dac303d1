// The measured control plane: started by the bench on loopback, or somebody else's that is only watched.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, createWriteStream, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundle, bundleControl } from '../images/bundle.ts';
import type { ProbeReport } from './probe.ts';
import { cpuSeconds, type Memory, memory, resetPeak } from './process.ts';

export interface Measured {
  readonly address: string;
  readonly pid: number;
  cpu(): number;
  memory(): Memory;
  resetPeak(): void;
  /** Garbage collections since the last call; undefined for processes without the probe. */
  probe(): Promise<ProbeReport | undefined>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly objects: { readonly configDir: string } | { readonly kubeconfig: string; readonly context?: string };
  /** For logs and reports. */
  readonly scratch: string;
  /** Further flags for Node (`--cpu-prof` …). */
  readonly nodeFlags?: readonly string[];
}

const ROOT = join(import.meta.dirname, '..');
const LOOPBACK = '127.0.0.1';

let bundled: Promise<unknown> | undefined;

/** The control plane as its image has it, and the probe, made once for each run of the bench. */
export function bundles(): Promise<unknown> {
  bundled ??= Promise.all([
    bundleControl(join(ROOT, 'src'), join(ROOT, 'dist/control')),
    bundle({ probe: join(ROOT, 'bench/probe.ts') }, join(ROOT, 'dist/bench')),
  ]);
  return bundled;
}

/** With an API server as without one: plaintext xDS on loopback and nothing else. */
function sourceFlags(objects: ServerOptions['objects']): string[] {
  if ('configDir' in objects) return ['--config-dir', objects.configDir];
  const none = ['--secureGRPCAddr', '--httpsAddr', '--httpAddr', '--monitoringAddr'].flatMap((flag) => [flag, '']);
  return ['--kubeconfig', objects.kubeconfig, ...(objects.context ? ['--context', objects.context] : []), ...none];
}

/** Starts the control plane; resolves when proxies can connect. */
export async function startServer({ objects, scratch, nodeFlags = [] }: ServerOptions): Promise<Measured> {
  const report = join(scratch, 'probe.json');
  // As users start it: with the flags and the cache of compiled code that the program has.
  await bundles();
  const main = 'dist/control/control.mjs';
  const flags = [...nodeFlags, '--import', join(ROOT, 'dist/bench/probe.mjs')].join(' ');
  const child = spawn(
    join(ROOT, 'bin/isthmus'),
    [
      'control',
      ...sourceFlags(objects),
      ...['--grpcAddr', `${LOOPBACK}:0`, '--log_as_json', '--shutdownDuration', '0s'],
    ],
    {
      // The channel tells it when the bench is gone (bench/probe.ts).
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ISTHMUS_BENCH_PROBE: report, ISTHMUS_NODE_FLAGS: flags, ISTHMUS_CONTROL_MAIN: main },
    },
  );
  child.stderr!.pipe(createWriteStream(join(scratch, 'control.err')));
  const log = createWriteStream(join(scratch, 'control.log'));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the control plane ended with ${code}; see ${scratch}/control.*`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      log.write(`${line}\n`);
      const { msg, message, grpc } = JSON.parse(line) as { msg?: string; message?: string; grpc?: number };
      if ((msg ?? message) === 'ready' && grpc) resolve(grpc);
    });
  });
  return { ...watched(`${LOOPBACK}:${port}`, child.pid!, report), stop: () => end(child) };
}

/**
 * Starts somebody else's control plane by a shell command that becomes its process; resolves when it accepts connections.
 * Its output is in the scratch directory.
 */
export async function startOther(address: string, command: string, scratch: string): Promise<Measured> {
  const log = openSync(join(scratch, 'other.log'), 'w');
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['ignore', log, log] });
  closeSync(log);
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  while (!(await accepts(address))) {
    if (child.exitCode !== null) {
      throw new Error(`${command}: ended with ${child.exitCode}; see other.log in ${scratch} (--keep)`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const stop = async (): Promise<void> => {
    await end(child);
    process.off('exit', kill);
  };
  return { ...watched(address, child.pid!, undefined), stop };
}

function accepts(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    const done = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** Somebody else's control plane. Nobody says when it has read the objects that were just written: it gets time. */
export async function watchServer(address: string, pid: number, settleMs = 5_000): Promise<Measured> {
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  return { ...watched(address, pid, undefined), stop: async () => {} };
}

function watched(address: string, pid: number, report: string | undefined): Omit<Measured, 'stop'> {
  return {
    address,
    pid,
    cpu: () => cpuSeconds(pid),
    memory: () => memory(pid),
    resetPeak: () => resetPeak(pid),
    async probe() {
      if (!report) return undefined;
      rmSync(report, { force: true });
      process.kill(pid, 'SIGUSR2');
      for (let i = 0; i < 500; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        if (!existsSync(report)) continue;
        const text = readFileSync(report, 'utf8');
        if (text.endsWith('}')) return JSON.parse(text) as ProbeReport;
      }
      return undefined;
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}
