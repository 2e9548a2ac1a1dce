import { describe, expect, it } from 'vitest';
import { PieceCache } from './piece-cache';

const word = (i: number, length: number) => `${i}`.padStart(length, '-');

describe('PieceCache', () => {
  const cut: string[] = [];
  const cache = () =>
    new PieceCache((text) => {
      cut.push(text);
      return { ids: [], tokens: [], starts: [], ends: [] };
    });

  it('keeps what was made of a word, not of a long one', () => {
    cut.length = 0;
    const made = cache();
    for (const text of ['a', 'a', word(1, 64), word(1, 64), word(1, 65), word(1, 65)]) made.get(text);
    expect(cut).toEqual(['a', word(1, 64), word(1, 65), word(1, 65)]);
  });

  it.each([
    [8, 1 << 16],
    [64, 1 << 13],
  ])('holds words of %d units up to a number of units', (length, most) => {
    const made = cache();
    for (let i = 0; i < most; i++) made.get(word(i, length));
    cut.length = 0;
    made.get(word(0, length));
    expect(cut).toEqual([]);
    made.get(word(most, length));
    made.get(word(0, length));
    expect(cut).toEqual([word(most, length), word(0, length)]);
  });
});
