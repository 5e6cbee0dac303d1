// Plain tables as kubectl and istioctl print them: columns padded to the widest cell.

/** Rows below a header; the last column is not padded. Ends with a newline. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], gap = 5): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]! + gap)))
      .join('')
      .trimEnd();
  return `${[header, ...rows].map(line).join('\n')}\n`;
}
