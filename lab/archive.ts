// Writes container images of one static program each as docker-archive tars, without any image-building tool.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

/** An image with one file in it. */
export interface ProgramImage {
  /** Full name with tag. */
  readonly name: string;
  /** Static executable on this machine. */
  readonly program: string;
  /** Its path in the image, which is also the entry point. */
  readonly path: string;
}

/** Writes `image` to `file`. The same program gives the same bytes. */
export function writeProgramImage(image: ProgramImage, file: string): void {
  const layer = tar([{ name: image.path.replace(/^\//, ''), mode: 0o755, body: readFileSync(image.program) }]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Entrypoint: [image.path] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created_by: `isthmus lab: ${image.path}` }],
    }),
  );
  const configName = `${sha256(config)}.json`;
  const manifest = [{ Config: configName, RepoTags: [image.name], Layers: ['layer.tar'] }];
  writeFileSync(
    file,
    tar([
      { name: 'layer.tar', mode: 0o644, body: layer },
      { name: configName, mode: 0o644, body: config },
      { name: 'manifest.json', mode: 0o644, body: Buffer.from(JSON.stringify(manifest)) },
    ]),
  );
}

interface TarEntry {
  readonly name: string;
  readonly mode: number;
  readonly body: Buffer;
}

const BLOCK = 512;

/** A POSIX ustar archive of regular files owned by root, dated at the epoch. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap(({ name, mode, body }) => [
    header(name, mode, body.length),
    body,
    Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function header(name: string, mode: number, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`tar: the name ${name} is longer than 100 bytes`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\0' + '00', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
