// Merged metrics: Envoy's in Istio's names, then the app's own, streamed through so that size costs no memory.
import http from 'node:http';
import { Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TelemetryIdentity } from '../lib/telemetry-identity.ts';
import { type AdminOptions, openAdmin } from './envoy-admin.ts';
import { mergeUnknown } from './merge-unknown.ts';
import { completeLabels } from './metric-labels.ts';

export interface ScrapeTarget {
  readonly port: number;
  readonly path: string;
}

/**
 * Where the app exposes metrics, from ISTIO_PROMETHEUS_ANNOTATIONS (`{"scrape":"true","path":"/m","port":"80"}`).
 * Undefined when it does not, or names the agent's own port, which would scrape itself for ever.
 */
export function parseScrapeTarget(json: string | undefined, ownPort: number): ScrapeTarget | undefined {
  if (!json) return undefined;
  try {
    const { scrape, path, port } = JSON.parse(json) as Record<string, unknown>;
    const number = Number(port || 80);
    if (String(scrape) !== 'true' || !Number.isInteger(number) || number <= 0 || number === ownPort) return undefined;
    return { port: number, path: typeof path === 'string' && path !== '' ? path : '/metrics' };
  } catch {
    return undefined;
  }
}

const LONGEST_LINE = 64 * 1024;
const ISTIO_NAME =
  /^(# (?:TYPE|HELP) )?envoy_(?:[A-Za-z0-9_]*?_)?(istio_(?:requests_total|request_|response_|tcp_|build|agent_))/;

/** `envoy_<prefix>_istio_requests_total` is `istio_requests_total` to every dashboard; other names stay. Labels are completed. */
export function renameLine(line: string, own?: TelemetryIdentity): string {
  // Most lines are not ours; a search is cheaper than the expression.
  return line.includes('istio_') ? completeLabels(line.replace(ISTIO_NAME, '$1$2'), own) : line;
}

/** Applies `renameLine` to a stream of text. Memory: one line, and what `mergeUnknown` holds; a longer line passes unchanged. */
export function renameStream(own?: TelemetryIdentity): Transform {
  const merger = mergeUnknown();
  const toText = (lines: readonly string[]) => lines.flatMap((line) => merger.next(renameLine(line, own)));
  let rest = '';
  return new Transform({
    decodeStrings: true,
    transform(chunk: Buffer, _encoding, done) {
      const text = rest + chunk.toString('latin1');
      const end = text.lastIndexOf('\n');
      if (end < 0 && text.length < LONGEST_LINE) {
        rest = text;
        done();
        return;
      }
      rest = end < 0 ? '' : text.slice(end + 1);
      done(null, Buffer.from(end < 0 ? text : withEnds(toText(text.slice(0, end).split('\n'))), 'latin1'));
    },
    flush(done) {
      const last = [...(rest === '' ? [] : toText([rest])), ...merger.rest()];
      done(null, last.length === 0 ? undefined : Buffer.from(withEnds(last), 'latin1'));
    },
  });
}

const withEnds = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/** Writes Envoy's statistics to `out` without ending it. Rejects when Envoy cannot be asked. */
export async function writeEnvoyMetrics(
  out: Writable,
  options: { admin: AdminOptions; query?: string; own?: TelemetryIdentity },
): Promise<void> {
  const answer = await openAdmin(
    { path: `/stats/prometheus${options.query ? `?${options.query}` : ''}` },
    { ...options.admin, timeout: 10_000 },
  );
  await pipeline(answer, renameStream(options.own), out, { end: false });
}

/** Writes the app's metrics to `out` without ending it; a scrape takes at most ten seconds. */
export async function writeAppMetrics(
  out: Writable,
  target: ScrapeTarget,
  from: { host: string; localAddress?: string },
): Promise<void> {
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const sent = http.get(
      {
        ...from,
        port: target.port,
        path: target.path,
        agent: false,
        headers: { accept: 'text/plain;version=0.0.4;q=1,*/*;q=0.1', connection: 'close' },
        signal: AbortSignal.timeout(10_000),
      },
      resolve,
    );
    sent.on('error', reject);
  });
  if (answer.statusCode !== 200) {
    answer.resume();
    throw new Error(`the app answered ${answer.statusCode} on port ${target.port}${target.path}`);
  }
  await pipeline(answer, out, { end: false });
}
