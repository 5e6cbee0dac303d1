// The capture rules on a real kernel: two network namespaces, sockets of app and proxy users, and where connections end up.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const POD = `istcap-p${process.pid}`;
const PEER = `istcap-c${process.pid}`;
const ADDRESSES = { pod: ['10.255.77.2', 'fd00:77::2'], peer: ['10.255.77.1', 'fd00:77::1'] } as const;
/** In the pod: proxy ports, captured app ports, and Envoy's own that are left alone. */
const POD_PORTS = [15001, 15006, 15020, 15021, 15090, 15008, 8080, 9090];
const PEER_PORTS = [80, 443, 22];

/** Why this machine cannot run it; the rules need root and nf_tables. */
const reason = await (async () => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  return run('unshare', ['-n', 'nft', 'list', 'ruleset']).then(
    () => undefined,
    (error: Error) => `needs nft and network namespaces: ${error.message.split('\n')[0]}`,
  );
})();

const script = `/tmp/istcap-${process.pid}.mjs`;
/** Serves every port with its number, or connects and prints what it was told. */
const SCRIPT = `
import net from 'node:net';
const [mode, ...rest] = process.argv.slice(2);
if (mode === 'serve') {
  let open = 0;
  for (const port of rest) net.createServer((s) => { s.on('error', () => {}); s.end(port + ' ' + s.remoteAddress); }).listen(Number(port), '::', () => { if (++open === rest.length) console.log('open'); });
} else {
  const [host, port, localAddress] = rest;
  const s = net.connect({ host, port: Number(port), localAddress: localAddress || undefined, timeout: 3000 });
  let text = '';
  s.on('data', (d) => (text += d));
  s.on('close', () => console.log(text.split(' ')[0] || 'nothing'));
  s.on('timeout', () => s.destroy());
  s.on('error', (e) => { console.log(e.code); process.exit(0); });
}
`;

const servers: ChildProcess[] = [];
const inNamespace = (name: string, user: number, ...args: string[]) => [
  'netns',
  'exec',
  name,
  'setpriv',
  `--reuid=${user}`,
  `--regid=${user}`,
  '--clear-groups',
  process.execPath,
  script,
  ...args,
];
async function connect(from: string, user: number, host: string, port: number, source = ''): Promise<string> {
  const { stdout } = await run('ip', inNamespace(from, user, 'connect', host, String(port), source));
  return stdout.trim();
}
async function serve(name: string, ports: readonly number[]): Promise<void> {
  const server = spawn('ip', inNamespace(name, 0, 'serve', ...ports.map(String)), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  servers.push(server);
  await new Promise((resolve) => server.stdout!.once('data', resolve));
}
async function capture(...args: string[]): Promise<string> {
  const { stdout } = await run('ip', [
    'netns',
    'exec',
    POD,
    process.execPath,
    join(root, 'src/agent/main.ts'),
    ...args,
  ]);
  return stdout;
}
const install = (...more: string[]) =>
  capture(
    'istio-iptables',
    '-p',
    '15001',
    '-z',
    '15006',
    '-u',
    '1337',
    '-m',
    'REDIRECT',
    '-i',
    '*',
    '-x',
    '',
    '-b',
    '*',
    '-d',
    '15090,15021,15020',
    ...more,
  );

const APP = 1000;
const PROXY = 1337;

describe.skipIf(reason !== undefined)(`traffic capture${reason ? ` (${reason})` : ''}`, () => {
  beforeAll(async () => {
    await writeFile(script, SCRIPT);
    const ip = (...args: string[]) => run('ip', args);
    for (const name of [POD, PEER]) {
      await ip('netns', 'add', name);
      await ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    await ip('link', 'add', 'eth0', 'netns', POD, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', PEER);
    for (const [name, addresses] of [
      [POD, ADDRESSES.pod],
      [PEER, ADDRESSES.peer],
    ] as const) {
      await ip('-n', name, 'addr', 'add', `${addresses[0]}/24`, 'dev', 'eth0');
      await ip('-n', name, '-6', 'addr', 'add', `${addresses[1]}/64`, 'dev', 'eth0', 'nodad');
      await ip('-n', name, 'link', 'set', 'eth0', 'up');
    }
    await serve(POD, POD_PORTS);
    await serve(PEER, PEER_PORTS);
  });
  afterAll(async () => {
    for (const server of servers) server.kill('SIGKILL');
    for (const name of [POD, PEER]) await run('ip', ['netns', 'del', name]).catch(() => {});
  });

  it('captures nothing before it is installed', async () => {
    expect(await connect(PEER, 0, ADDRESSES.pod[0], 8080)).toBe('8080');
    expect(await connect(POD, APP, ADDRESSES.peer[0], 80)).toBe('80');
  });

  describe('as injection asks for it', () => {
    beforeAll(async () => {
      expect(await install()).toContain('in force');
    });

    for (const [family, index] of [
      ['IPv4', 0],
      ['IPv6', 1],
    ] as const) {
      const pod = ADDRESSES.pod[index];
      const peer = ADDRESSES.peer[index];
      const local = index === 0 ? '127.0.0.1' : '::1';
      const passthrough = index === 0 ? '127.0.0.6' : '::6';

      it(`${family}: what comes in reaches the inbound proxy, but for Envoy's own ports`, async () => {
        expect(await connect(PEER, 0, pod, 8080)).toBe('15006');
        expect(await connect(PEER, 0, pod, 7777)).toBe('15006');
        for (const port of [15020, 15021, 15090, 15008]) expect(await connect(PEER, 0, pod, port)).toBe(String(port));
      });
      it(`${family}: what the app sends out reaches the outbound proxy`, async () => {
        expect(await connect(POD, APP, peer, 80)).toBe('15001');
        expect(await connect(POD, APP, peer, 7777)).toBe('15001');
        expect(await connect(POD, 0, peer, 22)).toBe('15001');
      });
      it(`${family}: what the proxy sends out leaves the pod`, async () => {
        expect(await connect(POD, PROXY, peer, 80)).toBe('80');
      });
      it(`${family}: a proxy that calls its own pod enters as inbound, from the passthrough source it reaches the app`, async () => {
        expect(await connect(POD, PROXY, pod, 8080)).toBe('15006');
        expect(await connect(POD, PROXY, pod, 8080, passthrough)).toBe('8080');
        expect(await connect(POD, PROXY, local, 8080)).toBe('8080');
      });
      it(`${family}: an app that calls its own pod or localhost is left alone`, async () => {
        expect(await connect(POD, APP, pod, 8080)).toBe('8080');
        expect(await connect(POD, APP, local, 9090)).toBe('9090');
      });
    }
  });

  it('leaves excluded ports and ranges alone, in both directions', async () => {
    await install('-o', '22', '-x', `${ADDRESSES.peer[1]}/128`, '-d', '9090');
    expect(await connect(POD, APP, ADDRESSES.peer[0], 22)).toBe('22');
    expect(await connect(POD, APP, ADDRESSES.peer[0], 80)).toBe('15001');
    expect(await connect(POD, APP, ADDRESSES.peer[1], 80)).toBe('80');
    expect(await connect(PEER, 0, ADDRESSES.pod[0], 9090)).toBe('9090');
  });

  it('captures only what is included', async () => {
    await install('-i', '10.99.0.0/16', '-q', '443', '-b', '8080');
    expect(await connect(POD, APP, ADDRESSES.peer[0], 80)).toBe('80');
    expect(await connect(POD, APP, ADDRESSES.peer[0], 443)).toBe('15001');
    expect(await connect(PEER, 0, ADDRESSES.pod[0], 8080)).toBe('15006');
    expect(await connect(PEER, 0, ADDRESSES.pod[0], 9090)).toBe('9090');
  });

  it('replaces the rules of an earlier run, and a refused run changes nothing', async () => {
    await install();
    await install();
    const { stdout } = await run('ip', ['netns', 'exec', POD, 'nft', 'list', 'ruleset']);
    expect(stdout.match(/redirect to :15001/g)).toHaveLength(1);
    await expect(install('-m', 'TPROXY')).rejects.toThrow('TPROXY is not supported');
    await expect(install('-u', '99999999999999')).rejects.toThrow('nft refused the rules');
    expect((await run('ip', ['netns', 'exec', POD, 'nft', 'list', 'ruleset'])).stdout).toBe(stdout);
  });

  it('accepts DNS capture, groups, interfaces and loopback as rules', async () => {
    await install(
      '--redirect-dns',
      '--capture-all-dns',
      '--drop-invalid',
      '-c',
      'net1',
      '-k',
      'vif0',
      '-i',
      '127.0.0.1/32',
    );
    await install('--redirect-dns');
  });

  it('is gone after istio-clean-iptables', async () => {
    await install();
    await capture('istio-clean-iptables');
    expect(await connect(PEER, 0, ADDRESSES.pod[0], 8080)).toBe('8080');
    await capture('istio-clean-iptables');
  });
});
