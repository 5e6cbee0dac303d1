import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../k8s/api-error.ts';
import { completionScript } from './completion.ts';
import { parseDuration } from './duration.ts';
import { elsewhere } from './elsewhere.ts';
import { CliError, describeError, describeProblem } from './errors.ts';
import { createProgram } from './program.ts';
import { summary } from './version.ts';

const root = join(import.meta.dirname, '../..');
let out = '';
let err = '';
beforeEach(() => {
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  vi.spyOn(console, 'log').mockImplementation((text: unknown) => {
    out += `${String(text)}\n`;
  });
  vi.spyOn(console, 'error').mockImplementation((text: unknown) => {
    err += `${String(text)}\n`;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const run = (...args: string[]) => createProgram('istioctl').parseAsync(args, { from: 'user' });

describe('command line', () => {
  it('suggests what a typo meant', async () => {
    await expect(run('instal')).rejects.toThrow(CommanderError);
    expect(err).toContain('Did you mean install?');
    await expect(run('install', '--contxt', 'x')).rejects.toThrow(CommanderError);
    expect(err).toContain('Did you mean --context?');
  });

  it('lists the processes that isthmus starts, which istioctl does not', () => {
    const help = (name: string) => {
      out = '';
      createProgram(name).outputHelp();
      return out;
    };
    expect(help('isthmus')).toMatch(/isthmus control .*\n.*isthmus lab /);
    expect(help('istioctl')).not.toContain('isthmus lab');
  });

  it('says what takes the place of commands that only istioctl has', async () => {
    const message = await run('x', 'describe', 'pod').catch((error: Error) => error.message);
    expect(elsewhere(String(message))).toContain('proxy-config all');
    expect(elsewhere("error: unknown command 'dash'")).toContain('port-forward');
    expect(elsewhere("error: unknown command 'instal'")).toBeUndefined();
    expect(elsewhere("error: unknown command 'constructor'")).toBeUndefined();
  });

  it.each([
    ['before', ['--context=nowhere', '--kubeconfig', '/nonexistent', 'uninstall', '--purge', '-y']],
    ['after', ['uninstall', '--purge', '-y', '--context=nowhere', '--kubeconfig=/nonexistent']],
  ])('takes global flags %s the command', async (_where, args) => {
    await expect(run(...args)).rejects.toThrow(/kubeconfig \/nonexistent/);
  });

  it('reads several documents and flags, and prints manifests only', async () => {
    const samples = join(root, 'testdata/install/eastwest.yaml');
    await run('manifest', 'generate', '-f', samples, '--set', 'values.global.network=other', '-r', 'canary');
    expect(out).toContain('name: istio-eastwestgateway');
    expect(out).toContain('istio.io/rev: canary');
    expect(err).toBe('');
  });

  it('lists all problems of the input and does nothing', async () => {
    const failing = run(
      'manifest',
      'generate',
      '--set',
      'nope.x=1',
      '--set',
      'meshConfig.nope=1',
      '--set',
      'components.cni.enabled=true',
    );
    await expect(failing).rejects.toThrow(/3 errors; nothing was changed/);
    expect(out).toBe('');
  });

  it('says that -y is needed where nobody can answer', async () => {
    const kubeconfig = join(root, 'testdata/cli/kubeconfig.yaml');
    await expect(run('install', '--set', 'profile=minimal', '--kubeconfig', kubeconfig)).rejects.toThrow(/-y/);
  });

  it('wants either a revision or --purge to uninstall', async () => {
    await expect(run('uninstall', '-y')).rejects.toThrow(CliError);
    await expect(run('uninstall', '-y', '--purge', '--revision', 'a')).rejects.toThrow(CliError);
  });

  it('shows profiles and what differs between them', async () => {
    await run('profile', 'list');
    for (const name of ['default', 'demo', 'minimal', 'remote', 'empty', 'preview']) expect(out).toContain(name);
    out = '';
    await run('profile', 'diff', 'default', 'minimal');
    expect(out).toContain('components.ingressGateways[0].enabled: true -> false');
    expect(process.exitCode).toBe(1);
    out = '';
    await run('profile', 'dump', 'remote', '--config-path', 'components.istiodRemote');
    expect(out).toBe('enabled: true\n');
    await expect(run('profile', 'dump', 'mnimal')).rejects.toThrow(/did you mean minimal/);
  });

  it('prints its version without a cluster', async () => {
    await run('version', '--remote=false', '-o', 'json');
    expect(JSON.parse(out)).toEqual({ clientVersion: { version: expect.stringMatching(/^\d+\.\d+/) } });
  });
});

it('counts proxies by version', () => {
  const proxies = ['1.28.0', '1.27.0', '1.28.0'].map((IstioVersion, i) => ({ ID: `p${i}`, IstioVersion }));
  expect(summary(proxies)).toBe('1.28.0 (2 proxies), 1.27.0 (1 proxy)');
  expect(summary([])).toBe('');
});

describe('completion', () => {
  it('bash completes commands, subcommands and flags', () => {
    const script = completionScript('bash', createProgram('istioctl'))!;
    const complete = (...words: string[]) => {
      const quoted = words.map((word) => `"${word}"`).join(' ');
      const test = `${script}\nCOMP_WORDS=(istioctl ${quoted}); COMP_CWORD=${words.length}; _istioctl_complete; echo "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['-c', test], { encoding: 'utf8' }).trim().split(' ');
    };
    expect(complete('inst')).toEqual(['install']);
    expect(complete('profile', 'd')).toEqual(['dump', 'diff']);
    expect(complete('--context=a', 'install', '--readi')).toEqual(['--readiness-timeout']);
    expect(complete('x', 'create')).toEqual(['create-remote-secret']);
  });
  it('knows zsh and fish, and no other shell', () => {
    expect(completionScript('zsh', createProgram('istioctl'))).toMatch(/^#compdef istioctl/);
    expect(completionScript('fish', createProgram('istioctl'))).toContain('-a create-remote-secret');
    expect(completionScript('tcsh', createProgram('istioctl'))).toBeUndefined();
  });
});

describe('errors', () => {
  it('translates what an API server says into cluster, object and next step', () => {
    const base = { cluster: 'cluster2', request: 'PATCH /api/v1/namespaces/a/configmaps/b' };
    const forbidden = new ApiError({
      ...base,
      status: 403,
      reason: 'Forbidden',
      message: 'configmaps "b" is forbidden',
    });
    expect(describeError(forbidden)).toEqual({
      text: expect.stringMatching(/^cluster cluster2: configmaps "b" is forbidden; ask for the right.*\(PATCH/),
      exitCode: 1,
    });
    const refused = new ApiError({
      ...base,
      status: 0,
      reason: 'ECONNREFUSED',
      message: 'connect ECONNREFUSED (https://x)',
    });
    expect(describeError(refused).text).toContain('is the cluster up');
  });
  it('says how to change what cannot be changed', () => {
    const message = 'Deployment.apps "gw" is invalid: spec.selector: Invalid value: {}: field is immutable';
    const immutable = new ApiError({ cluster: 'c', request: 'PATCH /x', status: 422, reason: 'Invalid', message });
    expect(describeError(immutable).text).toContain('delete the object');
  });
  it('shows a stack only for faults of the program', () => {
    expect(describeError(new CliError('said')).text).toBe('said');
    expect(describeError(new TypeError('x'))).toMatchObject({
      exitCode: 70,
      text: expect.stringContaining('program.test.ts'),
    });
  });
  it('writes a problem as file, line, path and sentence', () => {
    const problem = {
      code: 'c',
      severity: 'error' as const,
      source: 'a.yaml',
      line: 3,
      path: 'spec.x',
      message: 'is wrong',
    };
    expect(describeProblem(problem)).toBe('error: a.yaml:3: spec.x: is wrong');
  });
});

it('reads Go durations', () => {
  expect(['5m0s', '90s', '1h30m', '500ms', '20'].map(parseDuration)).toEqual([300_000, 90_000, 5_400_000, 500, 20_000]);
  expect(() => parseDuration('5 minutes')).toThrow();
});
