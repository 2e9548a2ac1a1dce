import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, grouped, pieceOf } from './pieces';

describe('cut', () => {
  it('leaves nothing out, and cuts between a letter and a space before a letter, or a newline and a letter', () => {
    const words = fc.array(fc.constantFrom('word ', 'two  ', '12 ', '日本 ', 'a\n', 'x'.repeat(9000)), {
      minLength: 1,
    });
    fc.assert(
      fc.property(words, fc.nat(50), fc.nat(50), (parts, skip, drop) => {
        const text = parts.join('').repeat(Math.ceil(200_000 / parts.join('').length));
        const from = skip;
        const to = text.length - drop;
        const pieces = cut(text, from, to);
        expect(pieces[0]?.from).toBe(from);
        expect(pieces.at(-1)?.to).toBe(to);
        pieces.slice(1).forEach((piece, i) => {
          expect(piece.from).toBe(pieces[i]?.to);
          expect(text.slice(piece.from - 2, piece.from + 2)).toMatch(/[A-Za-z] [A-Za-z]$|^\S\n\p{L}/u);
        });
      }),
      { numRuns: 30 },
    );
  });
});

describe('grouped', () => {
  it('gives each worker a large task first and a small one last', () => {
    const pieces = Array.from({ length: 64 }, (_, i) => pieceOf('', i << 16, (i + 1) << 16));
    const sizes = grouped(pieces, 2).map((group) => group.length);
    expect(sizes.slice(0, 4)).toEqual([11, 9, 8, 6]);
    expect(sizes.at(-1)).toBe(1);
    expect(grouped(pieces, 1)[0]).toHaveLength(16);
    expect(grouped(pieces, 3).flat()).toEqual(pieces);
    expect(grouped([], 2)).toEqual([]);
  });
});
