// Builds the images: `node images/build.ts [names…] [--out DIR]`. Unchanged ones are taken from the cache.
import { cp, link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { withLock } from '../lab/lock.ts';
import { cacheDir } from '../src/lib/paths.ts';
import { type Builder, findBuilder } from './builder.ts';
import { fingerprint } from './fingerprint.ts';
import { base, IMAGES, type ImageSpec } from './specs.ts';

export interface BuiltImage {
  readonly name: string;
  /** What manifests say, e.g. `isthmus/proxy:latest`. */
  readonly tag: string;
  /** docker-archive. */
  readonly tar: string;
  readonly bytes: number;
  readonly fresh: boolean;
  readonly milliseconds: number;
}

/** Builds what is named (all by default), one after another, telling each as it is done. Throws on unknown names. */
export async function buildImages(options: {
  readonly names?: readonly string[];
  readonly out?: string;
  readonly onBuilt?: (image: BuiltImage) => void;
}): Promise<BuiltImage[]> {
  const unknown = (options.names ?? []).filter((name) => !IMAGES.some((image) => image.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `images: no image '${unknown.join("', '")}'; there are ${IMAGES.map(({ name }) => name).join(', ')}`,
    );
  }
  const cache = join(cacheDir(), 'images');
  const out = options.out ?? join(cache, 'out');
  await mkdir(out, { recursive: true });
  let builder: Promise<Builder> | undefined;
  const lazyBuilder = () => (builder ??= findBuilder(cache));

  const built: BuiltImage[] = [];
  for (const spec of IMAGES) {
    if (options.names?.length && !options.names.includes(spec.name)) continue;
    const image = await buildOne(spec, { cache, out, builder: lazyBuilder });
    built.push(image);
    options.onBuilt?.(image);
  }
  return built;
}

interface Place {
  readonly cache: string;
  readonly out: string;
  readonly builder: () => Promise<Builder>;
}

async function buildOne(spec: ImageSpec, place: Place): Promise<BuiltImage> {
  const start = performance.now();
  const tag = `isthmus/${spec.name}:latest`;
  const key = await fingerprint(await spec.inputs());
  const baseKey = spec.onBase ? await fingerprint(await base.inputs()) : 'none';
  const kept = join(place.cache, `${spec.name}-${key}-${baseKey}.tar`);
  // Two builds at once would share stage directories and storage.
  const make = async (): Promise<boolean> => {
    // While this process waited another may have built it.
    if (await exists(kept)) return false;
    const builder = await place.builder();
    const from = spec.onBase ? await ensureBase(builder, place, baseKey) : undefined;
    await build(builder, spec, { tag, base: from, place });
    await builder.save(tag, kept);
    await forgetOlder(place.cache, spec.name, kept);
    return true;
  };
  const fresh = !(await exists(kept)) && (await withLock(join(place.cache, 'one-build.lock'), make));
  const tar = join(place.out, `${spec.name}.tar`);
  await rm(`${tar}.new`, { force: true });
  await link(kept, `${tar}.new`).catch(() => cp(kept, `${tar}.new`));
  await rename(`${tar}.new`, tar);
  return { name: spec.name, tag, tar, bytes: (await stat(tar)).size, fresh, milliseconds: performance.now() - start };
}

/** The reference of the base image of this key, built when the builder does not have it. */
async function ensureBase(builder: Builder, place: Place, key: string): Promise<string> {
  const tag = `isthmus/base:${key}`;
  if (!(await builder.has(tag))) await build(builder, base, { tag, place });
  return builder.reference(tag);
}

async function build(
  builder: Builder,
  spec: ImageSpec,
  options: { readonly tag: string; readonly base?: string; readonly place: Place },
): Promise<void> {
  const context = join(options.place.cache, 'stage', spec.name);
  await clear(context, spec.keep);
  await cp(join(import.meta.dirname, spec.name, 'Dockerfile'), join(context, 'Dockerfile'));
  await spec.stage(context);
  await builder.build({ tag: options.tag, context, base: options.base });
  await clear(context, spec.keep);
}

async function clear(context: string, keep: string | undefined): Promise<void> {
  await mkdir(context, { recursive: true });
  for (const name of await readdir(context)) {
    if (keep && (name === keep || name === `${keep}.key`)) continue;
    await rm(join(context, name), { recursive: true, force: true });
  }
}

/** Keeps the two newest archives of an image, so that switching between two versions of the source stays quick. */
async function forgetOlder(cache: string, name: string, kept: string): Promise<void> {
  const files = (await readdir(cache)).filter((file) => file.startsWith(`${name}-`) && file.endsWith('.tar'));
  const aged = await Promise.all(files.map(async (file) => ({ file, time: (await stat(join(cache, file))).mtimeMs })));
  const old = aged.filter(({ file }) => join(cache, file) !== kept).sort((a, b) => b.time - a.time);
  for (const { file } of old.slice(1)) await rm(join(cache, file), { force: true });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } });
  await buildImages({
    names: positionals,
    out: values.out && resolve(values.out),
    onBuilt: ({ tag, bytes, fresh, milliseconds, tar }) => {
      const size = `${(bytes / 1e6).toFixed(0)} MB`;
      console.log(
        `${tag.padEnd(28)}${size.padStart(8)}  ${fresh ? 'built' : 'unchanged'} in ${(milliseconds / 1000).toFixed(1)} s  ${tar}`,
      );
    },
  });
}
