import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { goldenCases } from '../testing/goldens.ts';
import { readCaptureOptions } from './options.ts';
import { captureRuleset } from './ruleset.ts';

interface CaptureCase {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly nameservers?: readonly string[];
}

const cases = goldenCases<CaptureCase>(join(import.meta.dirname, '../testdata/capture'), '.out.nft');
const read = ({ args, env = {}, nameservers = [] }: CaptureCase) => readCaptureOptions({ args, env, nameservers });

describe('capture ruleset', () => {
  it('has cases', () => expect(cases.length).toBeGreaterThanOrEqual(5));
  it.each(cases)('$name', ({ input, settle }) => {
    const actual = captureRuleset(read(input).options);
    expect(actual).toBe(settle(actual));
  });
});

describe('capture arguments', () => {
  it('takes the environment for what flags leave out', () => {
    const { options } = read({ args: ['-p', '1'], env: { ENVOY_PORT: '2', INBOUND_CAPTURE_PORT: '3' } });
    expect(options).toMatchObject({ proxyPort: 1, inboundPort: 3, uids: ['1337'], gids: ['1337'] });
  });
  it('names every wrong value at once', () => {
    const args = [
      '-p',
      'x',
      '-b',
      '80,99999',
      '-i',
      '10.0.0.0/33',
      '-o',
      '1-2',
      '-u',
      '13 37',
      '-c',
      'eth0"; flush ruleset',
    ];
    expect(() => read({ args })).toThrow(/'x' is not a port.*'99999'.*'10\.0\.0\.0\/33'.*/s);
    expect(() => read({ args })).toThrow(/'1-2'/);
    expect(() => read({ args })).toThrow(/'13 37' is not a name/);
    expect(() => read({ args })).toThrow(/flush ruleset' is not a name/);
  });
  it('says that TPROXY is not supported', () => {
    expect(() => read({ args: ['-m', 'TPROXY'] })).toThrow('-m TPROXY is not supported');
    expect(() => read({ args: ['-m', 'tproxy'] })).toThrow("unknown interception mode 'tproxy'");
  });
  it('says that it leaves DNS alone when only the environment asks for it', () => {
    const { options, notes } = read({ args: [], env: { ISTIO_META_DNS_CAPTURE: 'true' }, nameservers: ['10.0.0.10'] });
    expect(options.dns).toBeUndefined();
    expect(notes.join()).toContain('serves no DNS');
  });
  it('reads switches without and flags with values', () => {
    expect(read({ args: ['-n', '-x', '', '--redirect-dns', '--capture-all-dns=true'] })).toMatchObject({
      dryRun: true,
      options: { dns: '*', outboundCidrsExclude: [] },
    });
    expect(() => read({ args: ['stray'] })).toThrow("unexpected argument 'stray'");
  });
});
