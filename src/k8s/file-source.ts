// Follows a directory of YAML files as if it were an API server: what is added, changed and removed, file by file. Only files
// that changed are read again. A file that was renamed into place is complete and is read at once; one that is written in
// place is read when its directory has been quiet for a moment.
import { existsSync, type FSWatcher, statSync, watch } from 'node:fs';
import { join, sep } from 'node:path';
import { turn } from '../lib/turns.ts';
import type { Problem } from '../model/problem.ts';
import { FileObjects } from './file-objects.ts';
import type { ReflectorSink } from './reflector.ts';
import { type FileContent, isObjectFile, listTree, readYamlFile, type Tree } from './yaml-files.ts';

export interface FileSourceOptions {
  readonly directory: string;
  readonly sink: ReflectorSink;
  /** Called after every reading: all problems of all files as they are now. */
  readonly onProblems?: (problems: readonly Problem[]) => void;
  /** Called around the changes of one reading, so that they take effect together. */
  readonly batch?: <T>(changes: () => T) => T;
  /** Editors write in several steps; a reading waits until the directory is quiet this long. */
  readonly settleMs?: number;
}

export interface FileSource extends Disposable {
  /** Reads everything again now. Rejects when the directory cannot be read. */
  refresh(): Promise<void>;
}

/** Changes of this many files take effect together; more are not held in memory. */
const AT_ONCE = 200;

/** Others get a turn after this long. */
const TURN_MS = 5;

/** Reads the directory once (rejects when that is impossible), then follows it until disposed of. */
export async function followFiles(options: FileSourceOptions): Promise<FileSource> {
  const source = new Files(options);
  try {
    await source.refresh();
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
  return source;
}

class Files implements FileSource {
  readonly #options: FileSourceOptions;
  readonly #objects: FileObjects;
  readonly #watchers = new Map<string, FSWatcher>();
  /** Files and directories to look at again when it is quiet, and since when. */
  #dirty = new Set<string>();
  #dirtySince = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Files that are complete. */
  #placed = new Set<string>();
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** The last event of a directory, to recognise a rename into place. */
  #previous: { readonly directory: string; readonly path: string } | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#objects = new FileObjects(options.sink);
  }

  refresh(): Promise<void> {
    const result = this.#queue.then(() => this.#read([this.#options.directory]));
    this.#queue = result.catch(() => {});
    return result;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Looks at these paths again: files are read, directories searched, what is not there any more is forgotten. */
  async #read(paths: readonly string[]): Promise<void> {
    const { directory } = this.#options;
    const gone = new Map<string, undefined>();
    const found = new Set<string>();
    for (const path of paths) {
      const kind = kindOfPath(path, path === directory);
      const tree = kind === 'directory' ? await this.#list(path) : undefined;
      if (kind === 'file' && isObjectFile(path)) found.add(path);
      for (const file of tree?.files ?? []) found.add(file);
      if (kind !== 'file') for (const known of this.#below(path)) if (!found.has(known)) gone.set(known, undefined);
    }
    const files = [...found].sort();
    let contents = new Map<string, FileContent | undefined>(gone);
    const again = new Set<string>();
    let end = performance.now() + TURN_MS;
    for (let i = 0; i < files.length; i++) {
      const file = files[i]!;
      contents.set(file, contentOf(file));
      if (performance.now() > end) {
        await turn();
        end = performance.now() + TURN_MS;
      }
      if (i % AT_ONCE !== AT_ONCE - 1 && i !== files.length - 1) continue;
      this.#update(contents, again);
      contents = new Map();
    }
    if (files.length === 0) this.#update(contents, again);
    if (again.size > 0) return this.#read([...again]);
    if (!this.#closed) this.#options.onProblems?.(this.#objects.problems());
  }

  #update(contents: ReadonlyMap<string, FileContent | undefined>, again: Set<string>): void {
    const { batch = (changes) => changes() } = this.#options;
    if (!this.#closed) for (const path of batch(() => this.#objects.update(contents))) again.add(path);
  }

  /** Lists a tree whose directories are all watched before they are listed for the last time: nothing falls between. */
  async #list(path: string): Promise<Tree> {
    for (;;) {
      const tree = await listTree(path);
      const unwatched = tree.directories.filter((one) => !this.#watchers.has(one));
      if (unwatched.length === 0 || this.#closed) return tree;
      for (const one of unwatched) this.#watch(one);
    }
  }

  #below(path: string): string[] {
    return this.#objects.paths().filter((known) => known === path || known.startsWith(path + sep));
  }

  #watch(directory: string): void {
    if (this.#closed || this.#watchers.has(directory)) return;
    const watcher = watch(directory, (event, name) => this.#noticed(directory, event, name));
    watcher.on('error', () => this.#unwatch(directory, watcher));
    this.#watchers.set(directory, watcher);
  }

  #unwatch(directory: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(directory) === watcher) this.#watchers.delete(directory);
  }

  #noticed(directory: string, event: 'rename' | 'change', name: string | null): void {
    const path = name === null ? directory : join(directory, name);
    const previous = this.#previous;
    this.#previous = event === 'rename' ? { directory, path } : undefined;
    if (event === 'rename' && !existsSync(directory)) {
      // The directory itself was moved or deleted.
      const watcher = this.#watchers.get(directory);
      if (watcher) this.#unwatch(directory, watcher);
      this.#settle(directory);
    } else if (name?.startsWith('..')) {
      // The links of a mounted ConfigMap lead through hidden names that are exchanged as a whole.
      this.#settle(directory);
    } else if (!name?.startsWith('.')) {
      const renamed = event === 'rename' && previous?.directory === directory && previous.path !== path;
      if (renamed && !existsSync(previous.path) && existsSync(path)) this.#place(path);
      else this.#settle(path);
    }
  }

  #place(path: string): void {
    this.#dirty.delete(path);
    if (this.#placed.size === 0) setImmediate(() => this.#placed.size > 0 && this.#take(this.#placed));
    this.#placed.add(path);
  }

  /** Steady writing delays a reading, but not for ever. */
  #settle(path: string): void {
    const { settleMs = 50 } = this.#options;
    const now = performance.now();
    if (this.#dirty.size === 0) this.#dirtySince = now;
    this.#dirty.add(path);
    if (this.#timer && now - this.#dirtySince > 10 * settleMs) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#take(this.#dirty);
    }, settleMs);
  }

  #take(paths: Set<string>): void {
    const taken = [...paths];
    paths.clear();
    this.#queue = this.#queue.then(() => this.#read(taken)).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    const message = `${this.#options.directory}: ${error instanceof Error ? error.message : String(error)}`;
    this.#options.onProblems?.([{ code: 'unreadable', severity: 'error', path: '', message }]);
  }
}

/** Throws only for the top directory, which must be there. */
function kindOfPath(path: string, top: boolean): 'file' | 'directory' | 'nothing' {
  try {
    return statSync(path).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    if (top || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return 'nothing';
  }
}

/** Undefined for a file that has gone meanwhile. */
function contentOf(path: string): FileContent | undefined {
  try {
    return readYamlFile(path);
  } catch (error) {
    return unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): FileContent | undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  const message = `${path}: ${error instanceof Error ? error.message : String(error)}`;
  return { path, objects: [], problems: [{ code: 'unreadable', severity: 'error', path: '', message }] };
}
