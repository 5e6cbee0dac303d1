// Durations as Go writes them (`1h30m`, `250ms`), which Istio's API accepts where protobuf's JSON only knows seconds.

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** The duration in seconds with up to nine decimals and an `s`, or undefined when it is no duration. */
export function protoDuration(written: string): string | undefined {
  const sign = /^[+-]/.exec(written)?.[0] ?? '';
  let rest = written.slice(sign.length);
  if (rest === '0') return '0s';
  if (rest === '') return undefined;
  let nanos = 0;
  while (rest !== '') {
    const part = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/.exec(rest);
    if (!part) return undefined;
    nanos += Number(part[1]) * UNITS[part[2]!]!;
    rest = rest.slice(part[0].length);
  }
  const whole = Math.round(nanos);
  const fraction = String(whole % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${sign === '-' ? '-' : ''}${Math.floor(whole / 1e9)}${fraction ? `.${fraction}` : ''}s`;
}
