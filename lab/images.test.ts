import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeProgramImage } from './archive.ts';
import { normalizeImageName, readArchive } from './images.ts';

const dir = mkdtempSync(join(tmpdir(), 'isthmus-images-'));
afterAll(() => rmSync(dir, { recursive: true }));

test.each([
  ['isthmus/proxy', 'docker.io/isthmus/proxy:latest'],
  ['isthmus/proxy:1.0', 'docker.io/isthmus/proxy:1.0'],
  ['localhost/isthmus/proxy:latest', 'docker.io/isthmus/proxy:latest'],
  ['docker.io/isthmus/proxy:latest', 'docker.io/isthmus/proxy:latest'],
  ['busybox', 'docker.io/library/busybox:latest'],
  ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
  ['registry.example/a@sha256:00', 'registry.example/a@sha256:00'],
])('%s is %s', (name, full) => {
  expect(normalizeImageName(name)).toBe(full);
});

test('the image of a program is a docker-archive that tar reads, the same for the same program', async () => {
  const program = join(dir, 'program');
  const [first, second] = [join(dir, 'first.tar'), join(dir, 'second.tar')];
  writeFileSync(program, 'x'.repeat(1000));
  for (const file of [first, second]) writeProgramImage({ name: 'example.test/p:1', program, path: '/bin/p' }, file);
  expect(execFileSync('cmp', [first, second]).length).toBe(0);
  const [image] = await readArchive(first);
  expect(image?.names).toEqual(['example.test/p:1']);
  execFileSync('tar', ['-xf', first, '-C', dir]);
  expect(execFileSync('tar', ['-tvf', join(dir, 'layer.tar')], { encoding: 'utf8' })).toMatch(
    /^-rwxr-xr-x 0\/0\s+1000 .* bin\/p\n$/,
  );
  const digest = execFileSync('sha256sum', [join(dir, `${image?.config.slice('sha256:'.length)}.json`)], {
    encoding: 'utf8',
  });
  expect(digest.split(' ')[0]).toBe(image?.config.slice('sha256:'.length));
});

test('a file that is no archive is an error that names it', async () => {
  await expect(readArchive(join(dir, 'absent.tar'))).rejects.toThrow('absent.tar');
});
