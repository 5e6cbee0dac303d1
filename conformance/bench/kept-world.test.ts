// What a round changed is undone after it, and nothing else is written again.
import { expect, test } from 'vitest';
import { KeptWorld } from '../../bench/kept-world.ts';
import { endpointSlice, meshObjects, type Part, type Sizes, serviceParts } from '../../bench/objects.ts';
import type { World } from '../../bench/world.ts';

const SIZES: Sizes = { services: 2, endpoints: 1, namespaces: 1, virtualServices: 1, destinationRules: 1 };

/** Objects by kind and name, as text. */
function memoryWorld(log: string[]): World & { objects: Map<string, string> } {
  const objects = new Map<string, string>();
  const key = ({ kind, metadata }: Part['objects'][number]): string => `${kind} ${metadata!.name}`;
  return {
    objects,
    async put({ path, objects: changed, before = [] }) {
      log.push(path);
      for (const object of [...before, ...changed]) objects.set(key(object), JSON.stringify(object));
      return 0;
    },
    async remove({ objects: gone }) {
      for (const object of gone) objects.delete(key(object));
      return 0;
    },
    clusterIp: (given) => given,
    clean: async () => objects.clear(),
  };
}

test('objects are made once, and are after a round what they were before it', async () => {
  const log: string[] = [];
  const world = memoryWorld(log);
  const kept = new KeptWorld(async () => world);
  const first = await kept.of(SIZES);
  const before = new Map(world.objects);
  expect(log).toHaveLength([...meshObjects(SIZES)].length);

  await first.put(endpointSlice(0, SIZES, '10.250.0.1'));
  for (const part of serviceParts(SIZES.services, SIZES, '10.250.0.2')) await first.put(part);
  expect(world.objects.size).toBe(before.size + 1 + 4);
  log.length = 0;
  await first.clean();
  expect(world.objects).toEqual(before);
  expect(log).toHaveLength(1);

  await kept.of(SIZES);
  expect(log).toHaveLength(1);
});

test('other sizes take the place of what is there', async () => {
  const world = memoryWorld([]);
  const kept = new KeptWorld(async () => world);
  await kept.of(SIZES);
  await kept.of({ ...SIZES, services: 1 });
  expect([...world.objects.keys()].filter((key) => key.startsWith('Service '))).toEqual(['Service svc-0']);
  await kept.clean();
  expect(world.objects.size).toBe(0);
});
