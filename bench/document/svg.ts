// Plots as SVG text: two kinds, ranges on a logarithmic axis and stacked bars, and curves. The same input gives the same bytes.

const FONT = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"';
const INK = '#1f2933';
const FAINT = '#d9dee3';
const GREY = '#66727f';
/** For ours, for the reference, and for more. */
export const COLOURS = ['#0b6e99', '#c2541b', '#5b8c2a', '#8b5fbf', '#b58900', '#d06a9a', '#7b8794'] as const;
const WIDTH = 780;
const LEFT = 210;
const RIGHT = 90;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const n = (value: number): string => String(Math.round(value * 10) / 10);

function text(x: number, y: number, content: string, style = ''): string {
  return `<text x="${n(x)}" y="${n(y)}" ${style}>${escaped(content)}</text>`;
}

function frame(title: string, height: number, body: readonly string[]): string {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${n(height)}" viewBox="0 0 ${WIDTH} ${n(height)}" ${FONT} font-size="12" fill="${INK}" role="img" aria-label="${escaped(title)}">`;
  const back = `<rect width="${WIDTH}" height="${n(height)}" rx="6" fill="#ffffff"/>`;
  return `${[open, back, text(16, 26, title, 'font-size="15" font-weight="600"'), ...body, '</svg>'].join('\n')}\n`;
}

interface Axis {
  at(value: number): number;
  readonly ticks: readonly number[];
}

/** From the power of ten below the least to the one above the greatest. */
function logAxis(values: readonly number[]): Axis {
  const from = Math.floor(Math.log10(Math.min(...values)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values))));
  const span = WIDTH - LEFT - RIGHT;
  return {
    at: (value) => LEFT + ((Math.log10(value) - from) / (to - from)) * span,
    ticks: Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i)),
  };
}

function grid({ at, ticks }: Axis, top: number, bottom: number, label: (value: number) => string): string[] {
  return ticks.flatMap((tick) => [
    `<line x1="${n(at(tick))}" y1="${n(top)}" x2="${n(at(tick))}" y2="${n(bottom)}" stroke="${FAINT}"/>`,
    text(at(tick), bottom + 16, label(tick), `text-anchor="middle" fill="${GREY}"`),
  ]);
}

function legend(labels: readonly (readonly [label: string, colour: string])[]): string[] {
  let x = 16;
  return labels.flatMap(([label, colour]) => {
    const box = `<rect x="${n(x)}" y="38" width="12" height="12" rx="2" fill="${colour}"/>`;
    const word = text(x + 17, 48.5, label);
    x += 34 + label.length * 6.6;
    return [box, word];
  });
}

export interface Range {
  readonly series: number;
  /** One value, or the ends of a range: a dot at the first, a bar at the last. */
  readonly from: number;
  readonly to: number;
  readonly note: string;
}

export interface RangeRow {
  readonly label: string;
  readonly ranges: readonly Range[];
}

/** Rows of ranges on a logarithmic axis, to compare what differs by factors. */
export function rangePlot(options: {
  title: string;
  series: readonly string[];
  rows: readonly RangeRow[];
  format: (value: number) => string;
}): string {
  const { title, series, rows, format } = options;
  const axis = logAxis(rows.flatMap(({ ranges }) => ranges.flatMap(({ from, to }) => [from, to])));
  const top = 66;
  const parts: string[] = [];
  let y = top;
  for (const { label, ranges } of rows) {
    parts.push(text(LEFT - 12, y + 8 + ranges.length * 8, label, 'text-anchor="end"'));
    for (const { series: which, from, to, note } of ranges) {
      y += 16;
      const colour = COLOURS[which]!;
      const [a, b] = [axis.at(from), axis.at(to)];
      parts.push(`<line x1="${n(a)}" y1="${n(y)}" x2="${n(b)}" y2="${n(y)}" stroke="${colour}" stroke-width="3"/>`);
      parts.push(`<circle cx="${n(a)}" cy="${n(y)}" r="4" fill="${colour}"/>`);
      if (b > a) parts.push(`<rect x="${n(b - 1.5)}" y="${n(y - 5)}" width="3" height="10" fill="${colour}"/>`);
      parts.push(text(b + 8, y + 4, note, `font-size="11" fill="${colour}"`));
    }
    y += 14;
  }
  const bottom = y + 4;
  const names = series.map((label, i) => [label, COLOURS[i]!] as const);
  return frame(title, bottom + 30, [...grid(axis, top, bottom, format), ...legend(names), ...parts]);
}

/** Rows of stacked bars from zero. */
export function stackPlot(options: {
  title: string;
  parts: readonly string[];
  rows: readonly { label: string; values: readonly number[]; note: string }[];
  /** A line to stay left of. */
  limit?: { value: number; label: string };
  format: (value: number) => string;
}): string {
  const { title, parts, rows, limit, format } = options;
  const most = Math.max(limit?.value ?? 0, ...rows.map(({ values }) => values.reduce((a, b) => a + b, 0)));
  const step = niceStep(most / 5);
  const ticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
  const at = (value: number): number => LEFT + (value / most) * (WIDTH - LEFT - RIGHT);
  const top = 66;
  const out: string[] = [];
  let y = top + 10;
  for (const { label, values, note } of rows) {
    out.push(text(LEFT - 12, y + 14, label, 'text-anchor="end"'));
    let sum = 0;
    for (const [i, value] of values.entries()) {
      const width = at(sum + value) - at(sum);
      if (value > 0) {
        out.push(`<rect x="${n(at(sum))}" y="${n(y)}" width="${n(width)}" height="20" fill="${COLOURS[i]!}"/>`);
      }
      sum += value;
    }
    out.push(text(at(sum) + 8, y + 14, note, 'font-size="11"'));
    y += 32;
  }
  if (limit) {
    const x = n(at(limit.value));
    out.push(`<line x1="${x}" y1="${top}" x2="${x}" y2="${y}" stroke="${INK}" stroke-dasharray="4 3"/>`);
    out.push(text(at(limit.value) + 5, top + 6, limit.label, `font-size="11" fill="${GREY}"`));
  }
  const names = parts.map((label, i) => [label, COLOURS[i]!] as const);
  return frame(title, y + 30, [...grid({ at, ticks }, top, y, format), ...legend(names), ...out]);
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}

export interface Curve {
  readonly label: string;
  /** Points with growing x; y in 0..1. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Shares (0 to 100 %) over a logarithmic axis; single points for what is only known there. */
export function sharePlot(options: {
  title: string;
  curves: readonly Curve[];
  points?: readonly Curve[];
  format: (value: number) => string;
}): string {
  const { title, curves, points = [], format } = options;
  const all = [...curves, ...points];
  const axis = logAxis(all.flatMap((curve) => curve.points.map(([x]) => Math.max(x, 1e-3))));
  const [top, bottom] = [72, 300];
  const height = (share: number): number => bottom - share * (bottom - top);
  const out = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<line x1="${LEFT}" y1="${n(height(share))}" x2="${WIDTH - RIGHT}" y2="${n(height(share))}" stroke="${FAINT}"/>`,
    text(LEFT - 12, height(share) + 4, `${share * 100} %`, `text-anchor="end" fill="${GREY}"`),
  ]);
  for (const [i, curve] of curves.entries()) {
    const line = curve.points.map(([x, y]) => `${n(axis.at(Math.max(x, 1e-3)))},${n(height(y))}`).join(' ');
    out.push(`<polyline points="${line}" fill="none" stroke="${COLOURS[i]!}" stroke-width="2.5"/>`);
  }
  for (const [i, curve] of points.entries()) {
    const colour = COLOURS[curves.length + i]!;
    const line = curve.points.map(([x, y]) => `${n(axis.at(x))},${n(height(y))}`).join(' ');
    out.push(`<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-dasharray="5 4"/>`);
    for (const [x, y] of curve.points) {
      out.push(`<circle cx="${n(axis.at(x))}" cy="${n(height(y))}" r="4.5" fill="${colour}"/>`);
    }
  }
  const names = all.map(({ label }, i) => [label, COLOURS[i]!] as const);
  return frame(title, bottom + 34, [...grid(axis, top, bottom, format), ...legend(names), ...out]);
}
