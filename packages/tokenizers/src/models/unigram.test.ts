import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createModel } from './create';
import { Unigram } from './unigram';

const pieces = [
  ['<unk>', 0],
  ['a', -1],
  ['b', -2],
  ['ab', -2.5],
  ['aba', -4.5],
  ['▁', -3],
] as const;
const model = new Unigram({ pieces, unkId: 0 });

function shown(word: string, m = model): (readonly [number, string, number, number])[] {
  const { ids, tokens, starts, ends } = m.tokenize(word);
  return ids.map((id, i) => [id, tokens[i] as string, starts[i] as number, ends[i] as number] as const);
}

/** The highest sum of scores of all ways to cut, unknown characters at ten below the worst piece. */
function bestScore(word: string): number {
  const best = [0];
  for (let end = 1; end <= word.length; end++) {
    best[end] = (best[end - 1] as number) - 14.5;
    for (const [piece, score] of pieces)
      if (word.endsWith(piece, end))
        best[end] = Math.max(best[end] as number, (best[end - piece.length] ?? -1e9) + score);
  }
  return best[word.length] as number;
}

describe('Unigram', () => {
  it("gives what Hugging Face's library gives", () => {
    expect(shown('ab')).toEqual([[3, 'ab', 0, 2]]);
    expect(shown('aba')).toEqual([
      [3, 'ab', 0, 2],
      [1, 'a', 2, 3],
    ]);
    expect(shown('azb')).toEqual([
      [1, 'a', 0, 1],
      [0, 'z', 1, 2],
      [2, 'b', 2, 3],
    ]);
    // Unknown neighbours are one token, which shows what it stands for.
    expect(shown('zz')).toEqual([[0, 'zz', 0, 2]]);
    expect(shown('')).toEqual([]);
  });

  it('needs its unknown token also where bytes stand for a character', () => {
    const bytes = new Unigram({
      pieces: [
        ['a', -1],
        ['<0x62>', -5],
      ],
      byteFallback: true,
    });
    expect(shown('a', bytes)).toEqual([[0, 'a', 0, 1]]);
    expect(() => shown('ab', bytes)).toThrow(/\[Unigram\] a character needs the unknown token/);
  });

  it('cuts with the highest score', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', '▁'), maxLength: 12 }), (word) => {
        const { ids, tokens } = model.tokenize(word);
        expect(tokens.join('')).toBe(word);
        expect(ids.reduce((sum, id) => sum + (pieces[id]?.[1] ?? 0), 0)).toBeCloseTo(bestScore(word), 9);
      }),
    );
  });

  it('falls back to bytes only if all of them are pieces', () => {
    const bytes = new Unigram({ pieces: [...pieces, ['<0xC3>', -9], ['<0xA9>', -9]], unkId: 0, byteFallback: true });
    expect(shown('é', bytes).map(([id]) => id)).toEqual([6, 7]);
    expect(shown('è', bytes).map(([id]) => id)).toEqual([0]);
  });

  it('does not find pieces of SentencePiece that are no text, and prefers user-defined ones', () => {
    const own = new Unigram({
      pieces: [
        ['<unk>', 0],
        ['<s>', 0],
        ['x', -1],
        ['xx', -0.5],
        ['xxx', 0],
        ['<', -3],
        ['s', -3],
        ['>', -3],
      ],
      unkId: 0,
      sentencePiece: {
        unmatched: new Set([0, 1]),
        userDefined: new Set([4]),
        userDefinedScore: 'length',
        singlePrecision: true,
      },
    });
    expect(shown('<s>', own).map(([id]) => id)).toEqual([5, 6, 7]);
    expect(shown('xxxx', own).map(([id]) => id)).toEqual([2, 4]);
  });

  it('says what is wrong', () => {
    expect(() => new Unigram({ pieces, unkId: 99 })).toThrow(/model\.unk_id: expected an id below 6, got 99/);
    expect(() => new Unigram({ pieces }).tokenize('z')).toThrow(/needs the unknown token/);
    for (const wrong of [['a'], ['a', 'b'], [1, 2], null])
      expect(() => createModel({ type: 'Unigram', vocab: [['<unk>', 0], wrong], unk_id: 0 })).toThrow(
        /model\.vocab\[1\]/,
      );
  });
});
