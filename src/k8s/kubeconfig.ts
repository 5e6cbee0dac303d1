// Reads a kubeconfig. One that came out of a Secret is somebody else's data: it must not make us run programs or read files.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { parseDocument } from 'yaml';
import type { Problem } from '../model/problem.ts';
import type { ApiAccess, ApiTls, Credential } from './access.ts';
import { type ExecSpec, execCredential } from './exec-credential.ts';

export interface KubeconfigOptions {
  /** Overrides `current-context`. */
  readonly context?: string;
  /** Run credential plugins named by the document. Only for a kubeconfig that belongs to the user who started us. */
  readonly allowExec?: boolean;
  /** Read certificates, keys and tokens from files that the document names. */
  readonly allowFiles?: boolean;
  /** Directory that relative file names start from. */
  readonly directory?: string;
}

export interface Kubeconfig {
  readonly access?: ApiAccess;
  readonly context: string;
  readonly problems: readonly Problem[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Understands `text` as a kubeconfig. All problems are collected; without `access` it cannot be used. */
export function parseKubeconfig(text: string, options: KubeconfigOptions = {}): Kubeconfig {
  const problems: Problem[] = [];
  const fail = (code: string, path: string, message: string): void => {
    problems.push({ code, severity: 'error', path, message });
  };
  const document = parseDocument(text, { prettyErrors: true });
  const broken = document.errors[0];
  if (broken) {
    const line = broken.linePos?.[0].line;
    problems.push({
      code: 'kubeconfig-syntax',
      severity: 'error',
      path: '',
      message: `The kubeconfig is not valid YAML: ${firstLine(broken.message)}`,
      ...(line === undefined ? {} : { line }),
    });
    return { context: '', problems };
  }
  const root = fields(document.toJS());
  if (!root) {
    fail('kubeconfig-syntax', '', 'The kubeconfig is not a YAML mapping; expected clusters, contexts and users.');
    return { context: '', problems };
  }
  const contextName = options.context || string(root['current-context']);
  if (!contextName) {
    fail('kubeconfig-context', 'current-context', 'The kubeconfig has no current-context; set one.');
    return { context: '', problems };
  }
  const context = named(root.contexts, contextName, 'context');
  if (!context) {
    const known = names(root.contexts).join(', ') || 'none';
    fail('kubeconfig-context', 'contexts', `The kubeconfig has no context "${contextName}" (it has: ${known}).`);
    return { context: contextName, problems };
  }
  const clusterName = string(context.value.cluster);
  const cluster = named(root.clusters, clusterName, 'cluster');
  const userName = string(context.value.user);
  const user = named(root.users, userName, 'user');
  if (!cluster) fail('kubeconfig-cluster', 'clusters', `The kubeconfig has no cluster "${clusterName}".`);
  if (!user && userName) fail('kubeconfig-user', 'users', `The kubeconfig has no user "${userName}".`);
  const server = string(cluster?.value.server);
  if (cluster && !validServer(server)) {
    fail(
      'kubeconfig-server',
      `clusters[${cluster.index}].cluster.server`,
      `"${server}" is not the URL of an API server; expected https://host:port.`,
    );
  }
  const reader = new Material({ problems, options });
  const at = `clusters[${cluster?.index ?? 0}].cluster`;
  const ca = reader.pem(cluster?.value, 'certificate-authority', at);
  const who = user ? userCredential({ user: user.value, at: `users[${user.index}].user`, reader, server }) : {};
  if (problems.some((problem) => problem.severity === 'error')) return { context: contextName, problems };
  const tls: ApiTls = {
    serverName: string(cluster!.value['tls-server-name']) || undefined,
    insecure: cluster!.value['insecure-skip-tls-verify'] === true,
  };
  const namespace = string(context.value.namespace) || 'default';
  return {
    context: contextName,
    problems,
    access: {
      server: server.replace(/\/+$/, ''),
      namespace,
      proxyUrl: string(cluster!.value['proxy-url']),
      tls: { ...tls, ca: ca?.now, cert: who.cert?.now, key: who.key?.now },
      credential: async () => ({
        ...(await who.exec?.()),
        ...(who.token ? { authorization: `Bearer ${(await who.token()).trim()}` } : {}),
        ...(who.basic ? { authorization: who.basic } : {}),
      }),
    },
  };
}

/** Loads a kubeconfig of the user's own from a file: plugins and file references are allowed. Rejects when unreadable. */
export async function loadKubeconfig(path: string, context?: string): Promise<Kubeconfig> {
  const text = await readFile(path, 'utf8');
  const directory = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) || '/' : '.';
  return parseKubeconfig(text, { context, allowExec: true, allowFiles: true, directory });
}

interface Secret {
  readonly now: string;
}

interface Who {
  readonly cert?: Secret;
  readonly key?: Secret;
  readonly token?: () => Promise<string>;
  readonly basic?: string;
  readonly exec?: () => Promise<Credential>;
}

interface UserInput {
  readonly user: Fields;
  readonly at: string;
  readonly reader: Material;
  readonly server: string;
}

function userCredential({ user, at, reader, server }: UserInput): Who {
  const cert = reader.pem(user, 'client-certificate', at);
  const key = reader.pem(user, 'client-key', at);
  if (user['auth-provider'] !== undefined) {
    reader.fail(
      'kubeconfig-auth-provider',
      `${at}.auth-provider`,
      'auth-provider plugins are not supported (Kubernetes removed them in 1.26); use a service account token.',
    );
  }
  let exec: Who['exec'];
  if (user.exec !== undefined) {
    const spec = fields(user.exec);
    if (!reader.options.allowExec) {
      reader.fail(
        'kubeconfig-exec',
        `${at}.exec`,
        `The kubeconfig asks to run the program "${string(spec?.command)}" for credentials, which is refused here; use a service account token (istioctl create-remote-secret makes one), or allow it with --allowExecAuth.`,
      );
    } else if (spec && string(spec.command)) {
      exec = execCredential(spec as unknown as ExecSpec, { server, directory: reader.options.directory });
    } else {
      reader.fail('kubeconfig-exec', `${at}.exec.command`, 'The credential plugin has no command.');
    }
  }
  const token = string(user.token);
  const tokenFile = string(user.tokenFile);
  let read: Who['token'];
  if (token) read = () => Promise.resolve(token);
  else if (tokenFile && reader.allowed(`${at}.tokenFile`, tokenFile)) {
    const path = reader.resolve(tokenFile);
    read = () => readFile(path, 'utf8');
  }
  const name = string(user.username);
  const basic = name ? `Basic ${Buffer.from(`${name}:${string(user.password)}`).toString('base64')}` : undefined;
  return { cert, key, token: read, basic, exec };
}

/** Certificates and keys: inline as base64, or in a file when files are allowed. */
class Material {
  readonly options: KubeconfigOptions;
  readonly #problems: Problem[];

  constructor({ problems, options }: { problems: Problem[]; options: KubeconfigOptions }) {
    this.#problems = problems;
    this.options = options;
  }

  fail(code: string, path: string, message: string): void {
    this.#problems.push({ code, severity: 'error', path, message });
  }

  resolve(path: string): string {
    return isAbsolute(path) ? path : join(this.options.directory ?? '.', path);
  }

  allowed(path: string, file: string): boolean {
    if (this.options.allowFiles) return true;
    this.fail(
      'kubeconfig-file',
      path,
      `The kubeconfig refers to the file "${file}", which is not part of it; put the contents inline (kubectl config view --flatten --raw).`,
    );
    return false;
  }

  pem(from: Fields | undefined, field: string, at: string): Secret | undefined {
    if (!from) return undefined;
    const inline = string(from[`${field}-data`]);
    if (inline) {
      const text = Buffer.from(inline, 'base64').toString('utf8');
      if (text.includes('-----BEGIN ')) return { now: text };
      this.fail('kubeconfig-data', `${at}.${field}-data`, `${field}-data is not a base64-encoded PEM document.`);
      return undefined;
    }
    const file = string(from[field]);
    if (!file || !this.allowed(`${at}.${field}`, file)) return undefined;
    return this.#file(this.resolve(file), `${at}.${field}`);
  }

  #file(path: string, at: string): Secret | undefined {
    try {
      return { now: readFileSync(path, 'utf8') };
    } catch (error) {
      this.fail(
        'kubeconfig-file',
        at,
        `Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      );
      return undefined;
    }
  }
}

function validServer(server: string): boolean {
  return URL.canParse(server) && /^https?:$/.test(new URL(server).protocol);
}

function named(list: unknown, name: string, key: string): { value: Fields; index: number } | undefined {
  if (!Array.isArray(list)) return undefined;
  const index = list.findIndex((entry) => fields(entry)?.name === name);
  const value = index < 0 ? undefined : fields(fields(list[index])?.[key]);
  return value && { value, index };
}

function names(list: unknown): string[] {
  return Array.isArray(list) ? list.map((entry) => string(fields(entry)?.name)).filter(Boolean) : [];
}

function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
