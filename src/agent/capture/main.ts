// `istio-iptables`: loads the capture ruleset in one nft transaction, in the network namespace it is run in.
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { readCaptureOptions } from './options.ts';
import { captureRuleset, removalRuleset } from './ruleset.ts';

/** Exit code 0 when the rules are in force. Rejects with nft's own words otherwise; then nothing has changed. */
export async function runCapture(args: readonly string[], mode: { readonly clean: boolean }): Promise<number> {
  if (mode.clean) {
    await nft(removalRuleset());
    return 0;
  }
  const { options, notes, dryRun, skipApply } = readCaptureOptions({
    args: withoutLogFlags(args),
    env: process.env,
    nameservers: await nameservers(),
  });
  const ruleset = captureRuleset(options);
  for (const note of notes) console.log(`istio-iptables: ${note}`);
  process.stdout.write(ruleset);
  if (dryRun || skipApply) return 0;
  await addPassthroughSource();
  await nft(ruleset);
  console.log('istio-iptables: the rules above are in force');
  return 0;
}

/** Flags of Istio's logging that every subcommand is given. */
function withoutLogFlags(args: readonly string[]): string[] {
  return args.filter((arg) => !/^--log_/.test(arg));
}

function nft(ruleset: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'inherit', 'pipe'] });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(0, 4000);
    });
    child.on('error', (error) => reject(new Error(`istio-iptables: cannot run nft: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `istio-iptables: nft refused the rules (needs CAP_NET_ADMIN and a kernel with nf_tables):\n${complaint.trim()}`,
          ),
        );
    });
    child.stdin.on('error', () => {});
    child.stdin.end(ruleset);
  });
}

/** The proxy calls the app from ::6, which unlike 127.0.0.6 must be added to the loopback interface first. */
async function addPassthroughSource(): Promise<void> {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const ipv6 = addresses.some(
    ({ internal, family, address }) => !internal && family === 'IPv6' && !address.startsWith('fe80:'),
  );
  if (!ipv6 || addresses.some(({ address }) => address === '::6')) return;
  await new Promise<void>((resolve) => {
    execFile('ip', ['-6', 'addr', 'add', '::6/128', 'dev', 'lo'], (error) => {
      if (error)
        console.error(
          `istio-iptables: cannot add ::6 to lo, IPv6 inbound traffic will not reach the app: ${error.message}`,
        );
      resolve();
    });
  });
}

async function nameservers(): Promise<string[]> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1]!).filter((address) => isIP(address) > 0);
}
