import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PairTable } from './pair-table';

describe('PairTable', () => {
  it('finds what was set last, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(50), fc.nat(), fc.nat()), { maxLength: 300 }), (entries) => {
        const table = new PairTable();
        const known = new Map<string, readonly [number, number]>();
        for (const [a, b, x, y] of entries) {
          table.set(a, b, x, y);
          known.set(`${a} ${b}`, [x, y]);
        }
        for (let a = 0; a <= 50; a++) {
          for (let b = 0; b <= 50; b++) {
            const at = table.find(a, b);
            expect(at < 0 ? undefined : [table.first(at), table.second(at)]).toEqual(known.get(`${a} ${b}`));
          }
        }
      }),
      { numRuns: 20 },
    );
  });
});
