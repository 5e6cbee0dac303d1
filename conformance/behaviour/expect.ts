// Compares answers with what a record expects; every difference is one sentence.
import { type Sample, samplesIn } from './metrics.ts';
import type { ProbeResult } from './protocol.ts';
import type { Expectation, Wanted } from './record.ts';

interface Seen {
  readonly pod: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Empty when everything is as expected. */
export function differences(results: readonly ProbeResult[], expected: Expectation): string[] {
  if (expected.refused) {
    const answered = results.find(({ error }) => error === undefined);
    return answered ? [`expected no answer, got ${describe(answered)}`] : [];
  }
  return [
    ...results.flatMap((result) => single(result, expected)),
    ...shares(
      'pods',
      results.map((result) => seenBy(result)?.pod ?? describe(result)),
      expected.share ?? {},
    ),
    ...shares(
      'statuses',
      results.map(({ status, error }) => (error ? 'error' : String(status))),
      expected.statuses ?? {},
    ),
    ...results.flatMap(({ body = '' }) => missingMetrics(samplesIn(body), expected.metrics ?? [])),
    ...wantedPods(results, expected.pods),
  ].slice(0, 6);
}

function single(result: ProbeResult, expected: Expectation): string[] {
  if (expected.statuses === undefined && result.error !== undefined) return [`no answer: ${result.error}`];
  const problems: string[] = [];
  const { status, seen, headers = {}, body, ms } = expected;
  if (status !== undefined && result.status !== status)
    problems.push(`status ${result.status}, expected ${status}: ${result.body?.slice(0, 160)}`);
  for (const [name, wanted] of Object.entries(headers))
    compare(`response header ${name}`, result.headers?.[name], wanted, problems);
  if (body !== undefined) compare('body', result.body, body, problems);
  if (ms && (result.ms < ms[0] || result.ms > ms[1]))
    problems.push(`took ${result.ms.toFixed(0)} ms, expected ${ms.join(' to ')}`);
  if (seen) {
    const got = seenBy(result);
    if (!got) return [...problems, `no upstream answered: ${describe(result)}`];
    const { headers: wantedHeaders = {}, ...fields } = seen;
    for (const [name, wanted] of Object.entries(wantedHeaders))
      compare(`request header ${name}`, got.headers[name], wanted, problems);
    for (const [name, wanted] of Object.entries(fields)) compare(name, got[name], wanted, problems);
  }
  return problems;
}

function compare(what: string, got: unknown, wanted: Wanted, problems: string[]): void {
  if (wanted === null) {
    if (got !== undefined) problems.push(`${what} is ${JSON.stringify(got)}, expected none`);
    return;
  }
  const text = got === undefined ? undefined : String(got);
  const expression = typeof wanted === 'string' && /^\/(.*)\/$/s.exec(wanted);
  const fits =
    text !== undefined && (expression ? new RegExp(expression[1]!, 's').test(text) : text === String(wanted));
  if (!fits) problems.push(`${what} is ${JSON.stringify(text)}, expected ${wanted}`);
}

/** A metric that is not there is told with the sample that has most of its labels. */
function missingMetrics(samples: readonly Sample[], wanted: NonNullable<Expectation['metrics']>): string[] {
  return wanted.flatMap(({ name, labels }) => {
    const differing = samples
      .filter((sample) => sample.name === name)
      .map((sample) => {
        const problems: string[] = [];
        for (const [label, value] of Object.entries(labels)) compare(label, sample.labels[label], value, problems);
        return problems;
      })
      .sort((a, b) => a.length - b.length);
    if (differing.length === 0) return [`no sample of ${name}`];
    return differing[0]!.length === 0 ? [] : [`no such sample of ${name}; of the nearest: ${differing[0]!.join(', ')}`];
  });
}

function shares(
  what: string,
  values: readonly string[],
  wanted: Readonly<Record<string, readonly [number, number]>>,
): string[] {
  return Object.entries(wanted).flatMap(([value, [from, to]]) => {
    const share = values.filter((one) => one === value).length / values.length;
    if (share >= from && share <= to) return [];
    return [
      `${what}: ${value} has ${(share * 100).toFixed(0)} % of ${values.length}, expected ${from * 100} to ${to * 100} % (${count(values)})`,
    ];
  });
}

function wantedPods(results: readonly ProbeResult[], pods: readonly string[] | undefined): string[] {
  if (!pods) return [];
  const got = [...new Set(results.map((result) => seenBy(result)?.pod ?? describe(result)))].sort();
  return got.join() === [...pods].sort().join()
    ? []
    : [`answers came from ${got.join(', ')}; expected ${pods.join(', ')}`];
}

/** An upstream's own words: JSON over HTTP, `<pod>:<bytes>` over TCP. */
function seenBy({ body = '' }: ProbeResult): Seen | undefined {
  if (body.startsWith('{"pod"')) return JSON.parse(body);
  const pod = /^(?:hello from )?((?:plain|meshed)-\d+)/.exec(body)?.[1];
  return pod ? { pod, headers: {} } : undefined;
}

const describe = ({ status, error, body }: ProbeResult): string =>
  error ?? `${status ?? ''} ${body?.slice(0, 120)}`.trim();

const count = (values: readonly string[]): string =>
  Object.entries(Object.groupBy(values, (value) => value))
    .map(([value, list]) => `${value}: ${list?.length}`)
    .join(', ');
