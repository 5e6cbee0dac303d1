// Objects in a cluster that stay from round to round: making ten thousand pods takes minutes. After each round what its changes
// made of them is undone, so that every control plane begins with the same.
import { meshObjects, type Part, type Sizes } from './objects.ts';
import type { World } from './world.ts';

export class KeptWorld {
  readonly #open: () => Promise<World>;
  #kept: { world: World; sizes: Sizes } | undefined;

  /** `open` opens a world without objects. */
  constructor(open: () => Promise<World>) {
    this.#open = open;
  }

  /** The world with the objects of these sizes and no others; its `clean` undoes changes and leaves the objects. */
  async of(sizes: Sizes): Promise<World> {
    if (this.#kept && JSON.stringify(this.#kept.sizes) !== JSON.stringify(sizes)) await this.clean();
    if (!this.#kept) {
      const world = await this.#open();
      this.#kept = { world, sizes };
      for (const part of meshObjects(sizes)) await world.put(part);
    }
    const { world } = this.#kept;
    const changed = new Map<string, Part>();
    return {
      ...world,
      put(part) {
        changed.set(part.path, part);
        return world.put(part);
      },
      clean: () => undo(world, sizes, changed),
    };
  }

  /** Removes the objects too. */
  async clean(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.world.clean();
  }
}

async function undo(world: World, sizes: Sizes, changed: Map<string, Part>): Promise<void> {
  for (const part of meshObjects(sizes)) {
    const now = changed.get(part.path);
    if (!now) continue;
    changed.delete(part.path);
    await world.put(part);
    if (now.before) await world.remove({ path: part.path, objects: now.before });
  }
  for (const { path, objects, before = [] } of changed.values()) {
    await world.remove({ path, objects: [...objects, ...before] });
  }
}
