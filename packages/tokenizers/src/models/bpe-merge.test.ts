import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeByHeap, mergeSymbols } from './bpe-merge';
import { PairTable } from './pair-table';

/** Pairs of small symbols with ranks, several of which are equal. */
const rules = fc.uniqueArray(fc.record({ a: fc.nat(6), b: fc.nat(6), rank: fc.nat(4), made: fc.nat(6) }), {
  selector: ({ a, b }) => a * 7 + b,
  maxLength: 20,
});

describe('merging', () => {
  it('is the same by scanning and by heap, sizes too', () => {
    fc.assert(
      fc.property(rules, fc.array(fc.nat(6), { minLength: 2, maxLength: 40 }), (list, symbols) => {
        // Ranks grow with what they make, so that a merge never makes way for an earlier one endlessly.
        const table = new PairTable();
        for (const { a, b, rank, made } of list) table.set(a, b, rank, made);
        const [x, y] = [Int32Array.from(symbols), Int32Array.from(symbols)];
        const [p, q] = [new Int32Array(x.length).fill(1), new Int32Array(x.length).fill(1)];
        const n = mergeSymbols(x, p, x.length, table);
        const m = mergeByHeap(y, q, y.length, table);
        expect([...y.subarray(0, m)]).toEqual([...x.subarray(0, n)]);
        expect([...q.subarray(0, m)]).toEqual([...p.subarray(0, n)]);
        expect(p.subarray(0, n).reduce((s, v) => s + v, 0)).toBe(symbols.length);
      }),
      { numRuns: 500 },
    );
  });

  it('takes the leftmost of equal ranks', () => {
    const table = new PairTable();
    table.set(0, 0, 0, 1);
    const symbols = Int32Array.of(0, 0, 0);
    expect(mergeSymbols(symbols, null, 3, table)).toBe(2);
    expect([...symbols.subarray(0, 2)]).toEqual([1, 0]);
  });
});
