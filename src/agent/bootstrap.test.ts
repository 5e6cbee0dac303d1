import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { envoyBootstrap } from './bootstrap.ts';
import { type AgentInput, readAgentOptions } from './options.ts';
import { goldenCases } from './testing/goldens.ts';

const cases = goldenCases<AgentInput>(join(import.meta.dirname, 'testdata/bootstrap'), '.out.yaml');

describe('bootstrap', () => {
  it('has cases', () => expect(cases.length).toBeGreaterThanOrEqual(4));
  it.each(cases)('$name', ({ input, settle }) => {
    const options = readAgentOptions(input);
    expect(options.problems).toEqual([]);
    const actual = stringify(JSON.parse(JSON.stringify(envoyBootstrap(options))), { lineWidth: 0 });
    expect(actual).toBe(settle(actual));
  });
  it('does not know a control plane without a port', () => {
    const input = cases[0]!.input;
    expect(() => envoyBootstrap(readAgentOptions({ ...input, documents: [{ discoveryAddress: 'istiod' }] }))).toThrow(
      "'istiod': expected host:port",
    );
  });
});
