import { describe, expect, it } from 'vitest';
import { Encoding } from './encoding';
import { type Row, addedRow, joinRows } from './rows';

const row = (id: number): Row => addedRow(id, `t${id}`, 0);

describe('Encoding', () => {
  it('computes rows once, and only when they are asked for', () => {
    let calls = 0;
    const encoding = new Encoding(Int32Array.of(1), () => {
      calls++;
      return {
        rows: [{ ...row(1), start: 2, end: 4, startPoint: 1, endPoint: 2, word: 3, sequence: 0, special: false }],
        overflowing: [[row(5)]],
      };
    });
    expect([encoding.length, calls]).toEqual([1, 0]);
    expect(encoding.tokens).toEqual(['t1']);
    expect(encoding.offsets).toEqual([[2, 4]]);
    expect(encoding.codePointOffsets).toEqual([[1, 2]]);
    expect([encoding.wordIds, encoding.sequenceIds, encoding.typeIds]).toEqual([[3], [0], [0]]);
    expect([encoding.attentionMask, encoding.specialTokensMask]).toEqual([[1], [0]]);
    expect(encoding.overflowing.map((e) => [...e.ids])).toEqual([[5]]);
    expect(calls).toBe(1);
  });
});

describe('joinRows', () => {
  it('joins every window of the first with every one of the second, in the order of the reference', () => {
    const a = { rows: [row(1)], overflowing: [[row(2)]] };
    const b = { rows: [row(3)], overflowing: [[row(4)], [row(5)]] };
    const joined = joinRows(a, b);
    expect(joined.rows.map((r) => r.id)).toEqual([1, 3]);
    expect(joined.overflowing.map((rows) => rows.map((r) => r.id))).toEqual([
      [2, 3],
      [2, 4],
      [2, 5],
      [1, 4],
      [1, 5],
    ]);
  });
});
