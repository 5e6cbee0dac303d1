// Reads the downward API's label and annotation files: lines of `key="Go-quoted value"`.

/** Lines that are not of this form are left out: kubelet writes the files, so there are none in practice. */
export function parsePodInfo(text: string): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at <= 0) continue;
    const value = unquote(line.slice(at + 1).trim());
    if (value !== undefined) entries[line.slice(0, at)] = value;
  }
  return entries;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/** Undoes Go's strconv.Quote, whose escapes are not all JSON's (\x07, \a, \U0001F600). */
function unquote(quoted: string): string | undefined {
  if (quoted.length < 2 || !quoted.startsWith('"') || !quoted.endsWith('"')) return undefined;
  return quoted
    .slice(1, -1)
    .replace(
      /\\(?:U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))/gs,
      (_, wide: string | undefined, unicode: string | undefined, byte: string | undefined, char: string) => {
        const code = wide ?? unicode ?? byte;
        return code ? String.fromCodePoint(Number.parseInt(code, 16)) : (ESCAPES[char] ?? char);
      },
    );
}
