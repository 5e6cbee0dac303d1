// The identity on disk (a memory volume): the copy that survives a restart of the container, and the files Envoy watches.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HeldIdentity, mergeRoots } from './certificates.ts';
import { replaceFile, writeOutputCerts, writeSdsFiles } from './sds-files.ts';

export interface IdentityStoreOptions {
  readonly sdsDir: string;
  readonly certDir: string;
  /** Also write Istio's PEM names here (OUTPUT_CERTS). */
  readonly outputDir?: string;
  readonly rootCertFile: string;
}

export interface IdentityStore {
  /** What an earlier run of this container left, unless it has expired at `now`. */
  held(now: number): Promise<HeldIdentity | undefined>;
  /** Hands the identity to Envoy and keeps it. */
  publish(identity: HeldIdentity): Promise<void>;
  /** Publishes again when the mesh's root file has changed; true if it did. */
  refreshRoots(): Promise<boolean>;
  /** The mesh's root file, or '' while it is missing. */
  meshRoots(): Promise<string>;
}

export function createIdentityStore(options: IdentityStoreOptions): IdentityStore {
  const stateFile = join(options.certDir, 'identity.json');
  let current: HeldIdentity | undefined;
  let publishedRoots = '';
  let published = 0;

  const meshRoots = () => readFile(options.rootCertFile, 'utf8').catch(() => '');
  const publish = async (identity: HeldIdentity): Promise<void> => {
    // Envoy only asks whether it differs from the last; a hash would load a library of code pages for it.
    const version = `${Date.now()}-${++published}`;
    await mkdir(options.certDir, { recursive: true, mode: 0o700 });
    await replaceFile(stateFile, JSON.stringify(identity));
    await writeSdsFiles(options.sdsDir, identity, version);
    if (options.outputDir) await writeOutputCerts(options.outputDir, identity);
    current = identity;
    publishedRoots = await meshRoots();
  };

  return {
    meshRoots,
    publish,
    async held(now) {
      const text = await readFile(stateFile, 'utf8').catch(() => undefined);
      if (!text) return undefined;
      const identity = JSON.parse(text) as HeldIdentity;
      return identity.notAfter > now && identity.notBefore <= now ? identity : undefined;
    },
    async refreshRoots() {
      const roots = await meshRoots();
      if (!current || roots === '' || roots === publishedRoots) return false;
      // Old roots stay trusted until the next certificate: peers still present chains to them during a rotation.
      await publish({ ...current, roots: mergeRoots(roots, current.roots) });
      return true;
    },
  };
}
