import { expect, test } from 'vitest';
import { labUnavailableReason } from './available.ts';

test.each([
  [{ platform: 'darwin', uid: 0 }, 'needs Linux'],
  [{ platform: 'linux', uid: 1000 }, 'needs root'],
])('%j cannot', (machine, reason) => {
  expect(labUnavailableReason(machine)).toContain(reason);
});

test('root on Linux can', () => {
  expect(labUnavailableReason({ platform: 'linux', uid: 0 })).toBeUndefined();
});
