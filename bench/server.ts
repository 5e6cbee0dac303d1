// The measured control plane: started by the bench on loopback, or somebody else's that is only watched.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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
  readonly configDir: string;
  /** For logs and reports. */
  readonly scratch: string;
  /** Further flags for Node (`--cpu-prof` …). */
  readonly nodeFlags?: readonly string[];
}

const ROOT = join(import.meta.dirname, '..');

/** Starts the control plane on the files of a directory; resolves when proxies can connect. */
export async function startServer({ configDir, scratch, nodeFlags = [] }: ServerOptions): Promise<Measured> {
  const report = join(scratch, 'probe.json');
  const flags = ['--disable-warning=ExperimentalWarning', ...nodeFlags, '--import', join(ROOT, 'bench/probe.ts')];
  const child = spawn(
    process.execPath,
    [
      ...flags,
      join(ROOT, 'src/control/main.ts'),
      ...['--config-dir', configDir, '--grpcAddr', '127.0.0.1:0', '--log_as_json', '--shutdownDuration', '0s'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ISTHMUS_BENCH_PROBE: report } },
  );
  child.stderr.pipe(createWriteStream(join(scratch, 'control.err')));
  const log = createWriteStream(join(scratch, 'control.log'));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the control plane ended with ${code}; see ${scratch}/control.*`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`);
      const { msg, message, grpc } = JSON.parse(line) as { msg?: string; message?: string; grpc?: number };
      if ((msg ?? message) === 'ready' && grpc) resolve(grpc);
    });
  });
  return { ...watched(`127.0.0.1:${port}`, child.pid!, report), stop: () => end(child) };
}

/** Somebody else's control plane. */
export function watchServer(address: string, pid: number): Measured {
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
