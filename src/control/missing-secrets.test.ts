import { expect, test } from 'vitest';
import { ManualClock } from '../lib/clock.ts';
import type { Problem } from '../model/problem.ts';
import { watchMissingSecrets } from './missing-secrets.ts';

const scopeOf = (cluster: string) =>
  JSON.stringify([JSON.stringify(['istio-system', cluster, '', [], '', false]), 'outbound']);
const scope = scopeOf('c1');

function setup() {
  const clock = new ManualClock();
  const book = new Map<string, readonly Problem[]>();
  const problems = { set: (source: string, found: readonly Problem[]) => void book.set(source, found) };
  const told = () =>
    [...book.values()].flat().map(({ code, object }) => `${code} ${object?.namespace}/${object?.name}`);
  return {
    clock,
    told,
    unanswered: watchMissingSecrets({ clock, problems, cluster: 'c1', named: (secret) => secret === 'web' }),
  };
}

test('a Secret that does not come is told after a moment, and taken back when it comes', () => {
  const { clock, told, unanswered } = setup();
  unanswered({ scope, name: 'kubernetes://web' }, true);
  expect(told()).toEqual([]);
  clock.advance(2000);
  expect(told()).toEqual(['missing-secret istio-system/web']);
  unanswered({ scope, name: 'kubernetes://web' }, false);
  expect(told()).toEqual([]);
});

test('it stays told while any gateway waits', () => {
  const { clock, told, unanswered } = setup();
  for (const one of [scope, scopeOf('c2')]) unanswered({ scope: one, name: 'kubernetes://web' }, true);
  clock.advance(2000);
  unanswered({ scope: scopeOf('c2'), name: 'kubernetes://web' }, false);
  expect(told()).toEqual(['missing-secret istio-system/web']);
  unanswered({ scope, name: 'kubernetes://web' }, false);
  expect(told()).toEqual([]);
});

test('one that comes, or is let go of, in time is nobody’s problem', () => {
  const { clock, told, unanswered } = setup();
  unanswered({ scope, name: 'kubernetes://web' }, true);
  unanswered({ scope, name: 'kubernetes://web' }, false);
  unanswered({ scope, name: 'file-cert:/a~/b' }, true);
  unanswered({ scope: '', name: 'kubernetes://web' }, true);
  unanswered({ scope, name: 'kubernetes://named-by-no-gateway-any-more' }, true);
  clock.advance(5000);
  expect(told()).toEqual([]);
});
