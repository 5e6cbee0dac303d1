// `isthmus control` (also `pilot-discovery discovery`): starts the control plane and stops it when told to.
import { systemClock } from '../lib/clock.ts';
import type { ControlPlane } from './control-plane.ts';
import { createLogs, type Logs } from './log.ts';
import { createMetrics } from './metrics.ts';
import { type ControlOptions, parseOptions, USAGE, UsageError } from './options.ts';

/** Runs until a signal; resolves with the exit code. */
async function main(args: readonly string[]): Promise<number> {
  let options: ControlOptions;
  try {
    options = parseOptions(args);
    if (options.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    return await run(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\nisthmus control --help lists the flags.\n`);
    return 2;
  }
}

async function run(options: ControlOptions): Promise<number> {
  const logs = openLogs(options);
  const log = logs.scope('control');
  for (const warning of options.warnings) log.warn(warning);
  // A promise that nobody waits for is a defect of ours; one failed task must not end the control plane of a mesh.
  process.on('unhandledRejection', (error) => log.error('unexpected failure', { error: describe(error) }));
  const stop = new AbortController();
  const asked = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (stop.signal.aborted) process.exit(1);
        stop.abort(new Error(`stopped by ${signal}`));
        resolve(signal);
      });
    }
  });
  const metrics = createMetrics({ process: true });
  let plane: ControlPlane;
  try {
    // Only now: whoever asked for help or mistyped a flag need not wait for all of it to load.
    const { startControlPlane } = await import('./control-plane.ts');
    plane = await startControlPlane({ options, clock: systemClock, logs, metrics, signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) return 0;
    if (!(error instanceof UsageError))
      log.error(`cannot start: ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof UsageError) throw error;
    return 1;
  }
  log.info(`stopping: ${await asked}`);
  await plane.shutdown(options.shutdownMs);
  return 0;
}

function openLogs({ logJson, logLevels }: ControlOptions): Logs {
  try {
    return createLogs({ json: logJson, levels: logLevels });
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--log_output_level: ${error.message}`, { cause: error });
    throw error;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

process.exit(await main(process.argv.slice(2)));
