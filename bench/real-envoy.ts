// A real Envoy with the bootstrap that the agent gives it, without the agent: for measurements of Envoy itself.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, writeFileSync } from 'node:fs';
import { copyFile, link } from 'node:fs/promises';
import { join } from 'node:path';
import { envoyBootstrap } from '../src/agent/bootstrap.ts';
import { readAgentOptions } from '../src/agent/options.ts';
import type { EnvoyIdentity } from './envoy.ts';

export const ADMIN_PORT = 15000;
/** The proxy's user: its own traffic is not captured. */
const PROXY_UID = '1337';

export interface RealEnvoyOptions {
  readonly binary: string;
  readonly identity: EnvoyIdentity;
  /** Address of the control plane's plaintext port. */
  readonly control: string;
  /** For the bootstrap and the log. */
  readonly directory: string;
  /** Directory with the SDS files of its certificate. */
  readonly sdsDir: string;
  readonly concurrency: number;
}

/** Starts it; it ends with this process's process namespace at the latest. */
export function startRealEnvoy(options: RealEnvoyOptions): { readonly pid: number } & Disposable {
  const { binary, identity, directory, concurrency } = options;
  const file = join(directory, `${identity.pod}.json`);
  writeFileSync(file, JSON.stringify(bootstrapOf(options)));
  // setpriv becomes Envoy, so its process id is Envoy's.
  const as = ['--reuid', PROXY_UID, '--regid', PROXY_UID, '--clear-groups'];
  const flags = ['-c', file, '--concurrency', String(concurrency), '--disable-hot-restart', '-l', 'warning'];
  const child: ChildProcess = spawn('setpriv', [...as, binary, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(join(directory, `${identity.pod}.log`));
  child.stdout!.pipe(log);
  child.stderr!.pipe(log);
  child.on('exit', (code, signal) => {
    if (signal !== 'SIGKILL')
      process.stderr.write(`Envoy of ${identity.pod} ended with ${code ?? signal}: ${log.path}\n`);
  });
  return { pid: child.pid!, [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

/** A copy of the binary where the proxy's user can reach it. */
export async function placeEnvoy(binary: string, directory: string): Promise<string> {
  const place = join(directory, 'envoy');
  await link(binary, place).catch(() => copyFile(binary, place));
  return place;
}

function bootstrapOf({ identity, control, sdsDir, concurrency }: RealEnvoyOptions): unknown {
  const { kind, address, pod, namespace, serviceAccount, labels } = identity;
  return envoyBootstrap(
    readAgentOptions({
      args: [kind],
      env: {
        POD_NAME: pod,
        POD_NAMESPACE: namespace,
        INSTANCE_IP: address,
        SERVICE_ACCOUNT: serviceAccount,
        ISTIO_META_CLUSTER_ID: 'Kubernetes',
        ISTHMUS_XDS_PLAINTEXT: 'true',
        ISTIO_META_ISTHMUS_SDS_DIR: sdsDir,
      },
      labels,
      annotations: {},
      documents: [{ discoveryAddress: control, concurrency }],
      addresses: [address],
    }),
  );
}
