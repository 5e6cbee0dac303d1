import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mountedAnywhere, releaseMountPoints } from './mount-points.ts';
import { planLab } from './plan.ts';
import { loadState, saveState } from './state.ts';

let root: string;
let labsDir: string;
let made: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'isthmus-mounts-'));
  labsDir = join(root, 'labs');
  made = join(root, 'kubelet');
  mkdirSync(made);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('a lab that still runs inherits the mount points; the last one removes them', async () => {
  const plan = planLab({ name: 'heir', clusters: 1 }, { labsDir, inUse: [] });
  saveState({ plan, madeDirs: ['/other'] });

  await releaseMountPoints([made], { labsDir });
  expect(existsSync(made)).toBe(true);
  expect(loadState(plan.dir)?.madeDirs).toEqual(['/other', made]);

  rmSync(plan.dir, { recursive: true });
  await releaseMountPoints([made], { labsDir });
  expect(existsSync(made)).toBe(false);
});

test('what is not empty stays', async () => {
  mkdirSync(join(made, 'pods'));
  await releaseMountPoints([made], { labsDir });
  expect(existsSync(made)).toBe(true);
});

test.skipIf(process.getuid?.() !== 0)(
  'a mount point in use in another mount namespace stays (needs root)',
  async () => {
    const script = `mount --bind ${root} ${made} && echo ready && exec sleep 60`;
    const holder = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      expect(mountedAnywhere()).toContain(made);
      await releaseMountPoints([made], { labsDir });
      expect(existsSync(made)).toBe(true);
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    await releaseMountPoints([made], { labsDir });
    expect(existsSync(made)).toBe(false);
  },
);
