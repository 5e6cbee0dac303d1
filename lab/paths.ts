// Where the lab keeps its state and its binaries: never inside the checkout.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Directory that holds one directory per lab; `ISTHMUS_LAB_DIR` overrides. */
export function labsDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.ISTHMUS_LAB_DIR || '/var/lib/isthmus/lab';
}

/** Cache of the project; `ISTHMUS_CACHE`, then `XDG_CACHE_HOME` override. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.ISTHMUS_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'isthmus');
}

/** The merged kubeconfig of a lab. */
export function kubeconfigPath(labDir: string): string {
  return join(labDir, 'kubeconfig');
}
