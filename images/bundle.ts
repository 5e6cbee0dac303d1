// Bundles the long-lived processes into plain JavaScript: they then load no type stripper and no code that they do not run, which
// is a quarter of the memory of an idle control plane.
import { join } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';

/** Writes `agent.mjs` (every subcommand, split so that each loads only its own part) and `csr.mjs` into `out`. */
export function bundleAgent(source: string, out: string): Promise<void> {
  return bundle({ agent: join(source, 'agent/main.ts'), csr: join(source, 'agent/csr/main.ts') }, out);
}

/** Writes `control.mjs` into `out`, which must be below a folder that has package.json and src/gen. */
export function bundleControl(source: string, out: string): Promise<void> {
  return bundle({ control: join(source, 'control/main.ts') }, out);
}

/** Writes a `.mjs` file for each entry, and what they share, into `out`. */
export async function bundle(input: Record<string, string>, out: string): Promise<void> {
  const build = await rolldown({ input, platform: 'node', logLevel: 'warn', plugins: [ascii] });
  await build.write({
    dir: out,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
    // Names stay: a stack trace in a pod's log must be readable.
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: true } },
  });
  await build.close();
}

/** One character beyond Latin-1 and V8 keeps the whole text of a module in twice the memory. */
const ascii: Plugin = {
  name: 'ascii',
  generateBundle(_, files) {
    for (const file of Object.values(files)) if (file.type === 'chunk') file.code = escaped(file.code);
  },
};

/** They stand in texts and patterns alone, where an escape means the same. */
const escaped = (code: string): string =>
  code.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
