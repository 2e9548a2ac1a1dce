import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Row, addedRow } from './rows';
import { type TruncationOptions, checkTruncation, readTruncation, truncateRows, truncationToJson } from './truncation';

const rows = (n: number, from = 0): Row[] => Array.from({ length: n }, (_, i) => addedRow(from + i, '', 0));
const ids = (list: readonly Row[]) => list.map((r) => r.id);
const cut = (n: number, options: TruncationOptions, added = 0) => {
  const [{ rows: first, overflowing } = { rows: [], overflowing: [] }] = truncateRows([rows(n)], options, added);
  return [ids(first), ...overflowing.map(ids)];
};

describe('truncateRows', () => {
  it('makes windows that share the stride', () => {
    expect(cut(7, { maxLength: 3 })).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    expect(cut(7, { maxLength: 4, stride: 2 })).toEqual([
      [0, 1, 2, 3],
      [2, 3, 4, 5],
      [4, 5, 6],
    ]);
    expect(cut(7, { maxLength: 4, stride: 2, direction: 'left' })).toEqual([
      [3, 4, 5, 6],
      [1, 2, 3, 4],
      [0, 1, 2],
    ]);
    expect(cut(7, { maxLength: 5 }, 2)).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    expect(cut(3, { maxLength: 3 })).toEqual([[0, 1, 2]]);
    expect(cut(2, { maxLength: 0 })).toEqual([[], [0, 1]]);
  });

  it('loses no token, and every window but the last is full', () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(11),
        fc.constantFrom('left', 'right'),
        (n, most, s, direction) => {
          const stride = Math.min(s, most - 1);
          const windows = cut(n, { maxLength: most, stride, direction });
          expect(new Set(windows.flat()).size).toBe(n);
          for (const window of windows.slice(0, -1)) expect(window.length).toBe(most);
        },
      ),
    );
  });

  it('cuts the longer of two texts first', () => {
    const lengths = (a: number, b: number, most: number) =>
      truncateRows([rows(a), rows(b)], { maxLength: most }, 0).map((r) => r.rows.length);
    expect(lengths(10, 3, 8)).toEqual([5, 3]);
    expect(lengths(3, 10, 8)).toEqual([3, 5]);
    expect(lengths(10, 10, 7)).toEqual([3, 4]);
    expect(lengths(2, 2, 7)).toEqual([2, 2]);
  });

  it('refuses a strategy or direction that there is not', () => {
    const odd = (options: object) => () => cut(5, { maxLength: 2, ...options } as TruncationOptions);
    expect(odd({ strategy: 'LongestFirst' })).toThrow(/strategy: expected one of longest_first, .*got "LongestFirst"/);
    expect(odd({ strategy: 'toString' })).toThrow(/strategy: expected one of/);
    expect(odd({ direction: 'Left' })).toThrow(/direction: expected 'left' or 'right', got "Left"/);
  });

  it('refuses what leaves no room', () => {
    expect(() => cut(5, { maxLength: 2, stride: 2 })).toThrow(/stride below the 2 tokens/);
    expect(() => cut(5, { maxLength: 2 }, 3)).toThrow(/room for the 3 special tokens/);
    expect(() => cut(5, { maxLength: 2, strategy: 'only_second' })).toThrow(/expected a second text/);
    expect(() => truncateRows([rows(2), rows(9)], { maxLength: 5, strategy: 'only_first' }, 0)).toThrow(
      /longer than the 6 tokens/,
    );
    for (const wrong of [{ maxLength: 1.5 }, { maxLength: -1 }, { maxLength: 3, stride: -1 }])
      expect(() => cut(5, wrong)).toThrow(/whole numbers of at least 0/);
  });

  it('refuses a stride that no window could have, whatever the text', () => {
    expect(() => checkTruncation({ maxLength: 4, stride: 3 }, 2)).toThrow(/stride of at most the 2 tokens/);
    expect(() => checkTruncation({ maxLength: 4, stride: 2 }, 2)).not.toThrow();
  });
});

describe('truncation of a tokenizer.json', () => {
  it('is written as it was read', () => {
    const json = { direction: 'Left', max_length: 9, strategy: 'OnlyFirst', stride: 2 };
    expect(truncationToJson(readTruncation(json))).toEqual(json);
    expect(readTruncation(null)).toBeNull();
    expect(truncationToJson(null)).toBeNull();
  });

  it('names what is malformed', () => {
    expect(() => readTruncation({ strategy: 'Longest' })).toThrow(/truncation\.strategy: expected one of LongestFirst/);
    expect(() => readTruncation({ max_length: -3 })).toThrow(/truncation\.max_length/);
    expect(() => readTruncation({ direction: 'up' })).toThrow(/truncation\.direction/);
  });
});
