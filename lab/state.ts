// What a lab remembers between commands, as small JSON files in its directory.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LabPlan } from './plan.ts';
import { bootId } from './proc.ts';

/** The saved form of a lab. */
export interface LabState {
  readonly plan: LabPlan;
  /** Boot in which the lab was made: nothing of it runs in another one. */
  readonly bootId: string;
  /** Directories outside the lab's own that it made as mount points, for removal when empty. */
  readonly madeDirs: readonly string[];
}

/** Writes a JSON file so that readers see the old or the new one, never a part. */
export function writeJson(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

/** Reads a JSON file; undefined when it is absent or broken, which means that its writer died. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** Saves a lab's state. */
export function saveState(state: Omit<LabState, 'bootId'>): LabState {
  const saved = { ...state, bootId: bootId() };
  writeJson(join(state.plan.dir, 'lab.json'), saved);
  return saved;
}

/** Reads a lab's state; undefined when there is no such lab. */
export function loadState(labDir: string): LabState | undefined {
  return readJson<LabState>(join(labDir, 'lab.json'));
}

/** All labs that have a saved state below `labsDir`. */
export function listStates(labsDir: string): LabState[] {
  try {
    return readdirSync(labsDir).flatMap((name) => loadState(join(labsDir, name)) ?? []);
  } catch {
    return [];
  }
}
