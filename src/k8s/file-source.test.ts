import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Problem } from '../model/problem.ts';
import { type FileSource, followFiles } from './file-source.ts';
import { parseYaml } from './yaml-files.ts';

let directory: string;
let source: FileSource | undefined;
let log: string[];
let problems: readonly Problem[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'files-'));
  log = [];
  problems = [];
});
afterEach(() => {
  source?.[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});

const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
const service = (name: string, port = 80): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: n}\nspec: {ports: [{port: ${port}}]}\n`;

async function start(settleMs = 5): Promise<FileSource> {
  source = await followFiles({
    directory,
    sink: {
      apply: ({ kind, metadata }) => log.push(`+${kind}/${metadata?.name}`),
      remove: ({ kind, namespace, name }) => log.push(`-${kind}/${namespace}/${name}`),
    },
    onProblems: (found) => {
      problems = found;
    },
    settleMs,
  });
  return source;
}

test('tells only what an edit changes', async () => {
  write('a.yaml', `${service('one')}---\n${service('two')}`);
  mkdirSync(join(directory, 'sub'));
  write('sub/b.yaml', service('three'));
  write('.hidden.yaml', service('no'));
  const files = await start();
  expect(log).toEqual(['+Service/one', '+Service/two', '+Service/three']);
  log.length = 0;
  write('a.yaml', `${service('one')}---\n${service('two', 81)}`);
  rmSync(join(directory, 'sub/b.yaml'));
  await files.refresh();
  expect(log).toEqual(['-Service/n/three', '+Service/two']);
});

test('notices an edit by itself', async () => {
  write('a.yaml', service('one'));
  await start();
  write('b.yaml', service('two'));
  while (!log.includes('+Service/two')) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('reads a file that is renamed into place without waiting for quiet', async () => {
  write('a.yaml', service('one'));
  await start(3_600_000);
  write('.a.tmp', service('one', 81));
  renameSync(join(directory, '.a.tmp'), join(directory, 'a.yaml'));
  while (log.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(log).toEqual(['+Service/one', '+Service/one']);
});

test('follows directories that come and go', async () => {
  await start();
  mkdirSync(join(directory, 'sub/deeper'), { recursive: true });
  write('sub/deeper/a.json', '{"apiVersion":"v1","kind":"Service","metadata":{"name":"one","namespace":"n"}}');
  while (!log.includes('+Service/one')) await new Promise((resolve) => setTimeout(resolve, 5));
  write('sub/deeper/a.json', '{"apiVersion":"v1","kind":"Service","metadata":{"name":"two","namespace":"n"}}');
  while (!log.includes('+Service/two')) await new Promise((resolve) => setTimeout(resolve, 5));
  rmSync(join(directory, 'sub'), { recursive: true });
  while (!log.includes('-Service/n/two')) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('a broken file keeps what it said last, names file and line, and harms no other', async () => {
  write('a.yaml', service('one'));
  write('b.yaml', service('two'));
  const files = await start();
  log.length = 0;
  write('a.yaml', `${service('changed')}---\nkind: a: b\n`);
  write('b.yaml', service('three'));
  await files.refresh();
  expect(log).toEqual(['-Service/n/two', '+Service/three']);
  expect(problems).toMatchObject([
    { code: 'yaml-syntax', line: 6, message: expect.stringContaining(`${directory}/a.yaml:6`) },
  ]);
  write('a.yaml', service('one'));
  await files.refresh();
  expect(problems).toEqual([]);
});

test('of one object in two files the first is used', async () => {
  write('a.yaml', service('one'));
  write('b.yaml', service('one', 81));
  const files = await start();
  expect(log).toEqual(['+Service/one']);
  expect(problems).toMatchObject([{ code: 'duplicate-object' }]);
  rmSync(join(directory, 'a.yaml'));
  await files.refresh();
  expect(log).toEqual(['+Service/one', '+Service/one']);
});

test('says when the directory is not there', async () => {
  await expect(
    followFiles({ directory: join(directory, 'nowhere'), sink: { apply: () => {}, remove: () => {} } }),
  ).rejects.toThrow(/ENOENT/);
});

test('takes lists apart and refuses what is no object', () => {
  const { objects, problems: found } = parseYaml(
    `kind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {name: p}}]\n---\njust: this\n---\n- 1\n`,
    'f.yaml',
  );
  expect(objects.map((object) => object.kind)).toEqual(['Pod']);
  expect(found.map(({ code, line }) => `${code}:${line}`)).toEqual(['not-an-object:4', 'not-an-object:6']);
});
