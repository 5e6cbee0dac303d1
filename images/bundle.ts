// Bundles the agent into plain JavaScript: the long-lived process then loads no type stripper and no file it does not run.
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** Writes `agent.mjs` (every subcommand, split so that each loads only its own part) and `csr.mjs` into `out`. */
export async function bundleAgent(source: string, out: string): Promise<void> {
  const build = await rolldown({
    input: { agent: join(source, 'agent/main.ts'), csr: join(source, 'agent/csr/main.ts') },
    platform: 'node',
    logLevel: 'warn',
  });
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
