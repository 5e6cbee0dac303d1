// Random programs under random edits: what is kept incrementally must equal what a fresh graph computes.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Family, Graph, type Index, type Input, type Read } from './graph.ts';

/** Cell n of the program: an expression over inputs and cells with smaller numbers; which ones depends on values. */
type Expression =
  | { readonly op: 'input'; readonly key: number }
  | { readonly op: 'cell'; readonly offset: number }
  | { readonly op: 'pick'; readonly by: Expression; readonly offset: number }
  | { readonly op: 'if'; readonly test: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly op: 'sum'; readonly left: Expression; readonly right: Expression }
  | { readonly op: 'coarse'; readonly of: Expression; readonly modulus: number }
  | { readonly op: 'term'; readonly of: Expression }
  | { readonly op: 'fail'; readonly when: Expression };

type Edit =
  | { readonly kind: 'set'; readonly key: number; readonly value: number }
  | { readonly kind: 'delete'; readonly key: number }
  | { readonly kind: 'observe'; readonly cell: number }
  | { readonly kind: 'release'; readonly cell: number }
  | { readonly kind: 'read'; readonly cell: number }
  | { readonly kind: 'batch'; readonly edits: readonly Edit[] };

const KEYS = 6;
const CELLS = 12;
const small = fc.integer({ min: 0, max: 5 });

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ op: fc.constant('input' as const), key: fc.integer({ min: 0, max: KEYS - 1 }) }),
    fc.record({ op: fc.constant('cell' as const), offset: fc.integer({ min: 1, max: CELLS }) }),
    fc.record({ op: fc.constant('pick' as const), by: tie('expression'), offset: small }),
    fc.record({
      op: fc.constant('if' as const),
      test: tie('expression'),
      yes: tie('expression'),
      no: tie('expression'),
    }),
    fc.record({ op: fc.constant('sum' as const), left: tie('expression'), right: tie('expression') }),
    fc.record({ op: fc.constant('coarse' as const), of: tie('expression'), modulus: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ op: fc.constant('term' as const), of: tie('expression') }),
    fc.record({ op: fc.constant('fail' as const), when: tie('expression') }),
  ),
}));

const plainEdit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('set' as const), key: small, value: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('observe' as const), cell: fc.nat(CELLS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), cell: fc.nat(CELLS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), cell: fc.nat(CELLS - 1) }) },
);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: plainEdit },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('batch' as const), edits: fc.array(plainEdit, { maxLength: 5 }) }),
  },
);

interface World {
  readonly graph: Graph;
  readonly numbers: Input<number>;
  readonly byValue: Index;
  readonly cell: Family<string, number>;
}

function build(program: readonly Expression[], audit: boolean): World {
  const graph = new Graph({ audit });
  const numbers = graph.input<number>('numbers');
  const byValue = graph.index(numbers, 'byValue', (value) => [`v${value}`, `p${value % 2}`]);
  const cell: Family<string, number> = graph.derived('cell', (key: string, read: Read): number => {
    const at = Number(key);
    const cellAt = (index: number): number => (index < 0 ? index : read(cell, String(index)));
    const run = (e: Expression): number => {
      switch (e.op) {
        case 'input':
          return read(numbers, String(e.key)) ?? -1;
        case 'cell':
          return cellAt(at - e.offset);
        case 'pick':
          return cellAt(at - 1 - ((e.offset + Math.abs(run(e.by))) % CELLS));
        case 'if':
          return run(e.test) % 2 === 0 ? run(e.yes) : run(e.no);
        case 'sum':
          return Math.abs(run(e.left) + run(e.right)) % 97;
        case 'coarse':
          return Math.abs(run(e.of)) % e.modulus;
        case 'term':
          return read(byValue, `v${run(e.of)}`).reduce((sum, name) => sum * 7 + Number(name) + 1, 0) % 89;
        case 'fail':
          if (run(e.when) === 3) throw new Error(`cell ${key} failed`);
          return 1;
      }
    };
    return run(program[at]!);
  });
  return { graph, numbers, byValue, cell };
}

const outcome = ({ graph, cell }: World, key: string): unknown => {
  try {
    return graph.read(cell, key);
  } catch (error) {
    return String(error);
  }
};

test('incremental equals from scratch, also for observers, indexes and errors; nothing is left when observers are gone', () => {
  fc.assert(
    fc.property(
      fc.array(expression, { minLength: CELLS, maxLength: CELLS }),
      fc.array(edit, { maxLength: 25 }),
      (program, edits) => {
        const world = build(program, true);
        const told = new Map<string, unknown>();
        const observers = new Map<string, Disposable>();
        const apply = (e: Edit): void => {
          if (e.kind === 'batch') {
            world.graph.batch(() => {
              for (const inner of e.edits) apply(inner);
            });
            return;
          }
          if (e.kind === 'set') world.numbers.set(String(e.key), e.value);
          if (e.kind === 'delete') world.numbers.delete(String(e.key));
          if (e.kind === 'read') outcome(world, String(e.cell));
          if (e.kind === 'observe' && !observers.has(String(e.cell))) {
            const key = String(e.cell);
            observers.set(
              key,
              world.graph.observe(world.cell, key, (value) => told.set(key, value)),
            );
            const now = outcome(world, key);
            told.set(key, typeof now === 'string' ? undefined : now);
          }
          if (e.kind === 'release') {
            observers.get(String(e.cell))?.[Symbol.dispose]();
            observers.delete(String(e.cell));
          }
        };
        for (const e of edits) {
          apply(e);
          const fresh = build(program, false);
          fresh.graph.batch(() => {
            for (const [key, value] of world.numbers.entries()) fresh.numbers.set(key, value);
          });
          for (const key of observers.keys()) {
            const expected = outcome(fresh, key);
            expect(told.get(key)).toEqual(typeof expected === 'string' ? undefined : expected);
          }
          for (let i = 0; i < CELLS; i++) expect(outcome(world, String(i))).toEqual(outcome(fresh, String(i)));
          for (const term of ['v1', 'v3', 'p0', 'p1']) {
            expect(world.graph.read(world.byValue, term)).toEqual(fresh.graph.read(fresh.byValue, term));
          }
        }
        for (const observer of observers.values()) observer[Symbol.dispose]();
        world.graph.flush();
        expect(world.graph.stats().map(({ live }) => live)).toEqual([0, 0, 0]);
      },
    ),
    { numRuns: 300 },
  );
});
