import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { raiseLimits, restoreLimits } from './limits.ts';

let dir: string;
let low: string;
let high: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'isthmus-limits-'));
  [low, high] = [join(dir, 'low'), join(dir, 'high')];
  writeFileSync(low, '128\n');
  writeFileSync(high, '9000\n');
});
afterEach(() => rmSync(dir, { recursive: true }));

const limits = () => [
  { file: low, value: 1024 },
  { file: high, value: 1024 },
];
const values = () => [low, high].map((file) => Number(readFileSync(file, 'utf8')));

test('low limits are raised, and put back as they were before the first time', () => {
  raiseLimits(dir, limits());
  expect(values()).toEqual([1024, 9000]);
  raiseLimits(dir, [{ file: low, value: 2048 }]);
  raiseLimits(dir, limits());
  writeFileSync(low, '1024');
  restoreLimits(dir);
  expect(values()).toEqual([128, 9000]);
  expect(readdirSync(dir).toSorted()).toEqual(['high', 'low']);
});

test('a value that someone else has set since stays', () => {
  raiseLimits(dir, limits());
  writeFileSync(low, '5000');
  restoreLimits(dir);
  expect(values()).toEqual([5000, 9000]);
  expect(existsSync(join(dir, '.limits.json'))).toBe(false);
});
