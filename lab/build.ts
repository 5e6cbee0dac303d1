// Builds the lab's Go programs once per content and keeps them in the cache outside the checkout.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withLock } from './lock.ts';
import { cacheDir } from './paths.ts';
import type { Progress } from './progress.ts';
import { run, tryRun } from './run.ts';

/** Version of Kubernetes in the lab; the go.mod files pin the same one. */
export const KUBERNETES_VERSION = 'v1.34.4';

/** A Go program of the lab. */
export type Program = 'kubelab' | 'coredns' | 'pause' | 'kubectl';

/** How often a long build says that it goes on. */
const BEAT_MS = 20_000;

const versionFlags = [
  ['gitVersion', KUBERNETES_VERSION],
  ['gitMajor', '1'],
  ['gitMinor', '34'],
  ['gitTreeState', 'clean'],
].map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);

/** Changing flags makes Go compile every dependency again. */
const KUBERNETES_LDFLAGS = ['-s', '-w', ...versionFlags].join(' ');

const programs: Record<Program, { dir: string; ldflags: string; what: string }> = {
  kubelab: {
    dir: 'kube',
    ldflags: KUBERNETES_LDFLAGS,
    what: `Kubernetes ${KUBERNETES_VERSION} (5 min on 2 cores without a Go build cache)`,
  },
  kubectl: { dir: 'kubectl', ldflags: KUBERNETES_LDFLAGS, what: `kubectl ${KUBERNETES_VERSION}` },
  coredns: { dir: 'coredns', ldflags: '-s -w', what: 'CoreDNS' },
  pause: { dir: 'pause', ldflags: '-s -w', what: 'the pause program' },
};

/** Paths of built programs. */
export type Binaries = Readonly<Record<Exclude<Program, 'kubectl'>, string>>;

/** Builds what is missing in the cache; resolves with the programs' paths. Safe to run beside itself. */
export async function buildBinaries(progress: Progress, signal?: AbortSignal): Promise<Binaries> {
  const pause = await ensureProgram('pause', progress, signal);
  const kubelab = await ensureProgram('kubelab', progress, signal);
  return { pause, kubelab, coredns: await ensureProgram('coredns', progress, signal) };
}

/** Path of one program, built when the cache has none of this content. */
export async function ensureProgram(program: Program, progress: Progress, signal?: AbortSignal): Promise<string> {
  const { dir, ldflags, what } = programs[program];
  const source = join(import.meta.dirname, dir);
  const cache = join(cacheDir(), 'lab');
  const path = join(cache, `${program}-${contentHash(source, ldflags)}`, program);
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const wait = () => progress.note(`waiting for another build of ${program}`);
  return withLock(
    join(cache, `${program}.lock`),
    async () => {
      if (existsSync(path)) return path;
      await requireGo();
      const temporary = `${path}.part`;
      const log = join(cache, `${program}.build.log`);
      const command = ['build', '-v', '-buildvcs=false', '-trimpath', '-ldflags', ldflags, '-o', temporary, '.'];
      let packages = 0;
      const onLine = () => {
        packages += 1;
      };
      const beat = setInterval(() => progress.note(`building ${program}: ${packages} packages compiled`), BEAT_MS);
      const env = { CGO_ENABLED: '0', GOWORK: 'off' };
      try {
        await progress.step(`build ${what}`, () => run('go', command, { cwd: source, env, log, signal, onLine }));
      } finally {
        clearInterval(beat);
      }
      renameSync(temporary, path);
      return path;
    },
    { signal, onWait: wait },
  );
}

async function requireGo(): Promise<void> {
  const found = await tryRun('go', ['version']);
  const [, minor] = /go1\.(\d+)/.exec(found?.stdout ?? '') ?? [];
  // From 1.21 on Go fetches the toolchain that a module asks for by itself.
  if (Number(minor ?? 0) < 21) {
    throw new Error(
      `building the lab needs Go 1.21 or newer in PATH (${found ? `found ${found.stdout.trim()}` : 'none found'}); see https://go.dev/dl`,
    );
  }
}

function contentHash(source: string, ldflags: string): string {
  const hash = createHash('sha256').update(ldflags);
  for (const file of readdirSync(source).sort())
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(source, file)));
  return hash.digest('hex').slice(0, 16);
}
