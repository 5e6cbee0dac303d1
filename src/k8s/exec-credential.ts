// Credential plugins (client.authentication.k8s.io): run the program that a kubeconfig names and keep its answer until it expires.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Credential } from './access.ts';

export interface ExecSpec {
  readonly apiVersion?: string;
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly installHint?: string;
}

export interface ExecOptions {
  readonly server: string;
  /** Where a command with a relative path (`./plugin`) starts from. */
  readonly directory?: string;
  readonly timeoutMs?: number;
  readonly now?: () => number;
}

interface ExecStatus {
  readonly token?: string;
  readonly clientCertificateData?: string;
  readonly clientKeyData?: string;
  readonly expirationTimestamp?: string;
}

const run = promisify(execFile);
/** A credential this close to its end is asked for anew. */
const MARGIN_MS = 10_000;

/** Makes a function that answers with the plugin's credential; concurrent callers share one run. Rejects with the plugin's stderr. */
export function execCredential(spec: ExecSpec, options: ExecOptions): () => Promise<Credential> {
  const now = options.now ?? Date.now;
  let kept: { value: Credential; until: number } | undefined;
  let running: Promise<Credential> | undefined;
  const ask = async (): Promise<Credential> => {
    const status = await runPlugin(spec, options);
    const until = status.expirationTimestamp ? Date.parse(status.expirationTimestamp) : Number.POSITIVE_INFINITY;
    const value: Credential = {
      ...(status.token ? { authorization: `Bearer ${status.token}` } : {}),
      ...(status.clientCertificateData ? { cert: status.clientCertificateData, key: status.clientKeyData } : {}),
    };
    kept = { value, until };
    return value;
  };
  return () => {
    if (kept && now() < kept.until - MARGIN_MS) return Promise.resolve(kept.value);
    running ??= ask().finally(() => {
      running = undefined;
    });
    return running;
  };
}

async function runPlugin(spec: ExecSpec, options: ExecOptions): Promise<ExecStatus> {
  const apiVersion = spec.apiVersion ?? 'client.authentication.k8s.io/v1';
  const info = {
    apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: false, cluster: { server: options.server } },
  };
  const env: NodeJS.ProcessEnv = { ...process.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  for (const { name, value } of spec.env ?? []) env[name] = value;
  const relative = spec.command.includes('/') && !spec.command.startsWith('/');
  const command = relative ? join(options.directory ?? '.', spec.command) : spec.command;
  let stdout: string;
  try {
    ({ stdout } = await run(command, [...(spec.args ?? [])], { env, timeout: options.timeoutMs ?? 60_000 }));
  } catch (error) {
    const { code, stderr, message } = error as { code?: string; stderr?: string; message: string };
    const hint = code === 'ENOENT' && spec.installHint ? ` ${spec.installHint}` : '';
    throw new Error(`The credential plugin "${spec.command}" failed: ${stderr?.trim() || message}.${hint}`, {
      cause: error,
    });
  }
  const answer = JSON.parse(stdout) as { kind?: string; status?: ExecStatus };
  if (answer.kind !== 'ExecCredential' || !answer.status) {
    throw new Error(`The credential plugin "${spec.command}" did not answer with an ExecCredential.`);
  }
  return answer.status;
}
