import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TrainUnigramOptions, trainUnigram } from '../index';
import { Lattice } from './lattice';
import { Pace } from './options';
import { seedPieces } from './seed-pieces';
import { digamma } from './unigram-steps';

const texts = [
  'The cat sat on the mat; the cat ate the rat.',
  'A rat, a cat and a bat: that is that!',
  'Élan vital — l’élan, 狐狸 and 狐 🦊🦊, 12 of 123.',
  'the the the cat cat dog Dog',
];

/** Words of letters as ranks, one behind the other. */
function laidOut(words: readonly string[]) {
  const starts = Int32Array.of(0, ...words.map((_, w) => words.slice(0, w + 1).join('').length));
  return { chars: Int32Array.from(words.join(''), (c) => c.charCodeAt(0) - 96), starts };
}

describe('trainUnigram', () => {
  it('gives the pieces and scores of Hugging Face’s trainer', async () => {
    const trained = await trainUnigram(texts, { vocabSize: 48, specialTokens: ['<s>'], initialAlphabet: ['Ж'] });
    const { vocab, unk_id } = trained.toJSON().model as { vocab: [string, number][]; unk_id: number };
    expect(unk_id).toBe(0);
    const scored = (
      '▁ -1.599 at -2.475 e -2.648 ▁th -2.884 c -3.158 d -3.741 , -3.741 o -3.984 l -4.225 ▁12 -4.241 🦊 -4.241 ' +
      '. -4.241 s -4.241 i -4.241 g -4.241 ▁rat -4.241 ▁狐 -4.241 lan -4.257 an -4.29 a -4.557 ▁a -4.566 ▁that -4.598 ' +
      'n -5.089 t -5.164 h -5.237'
    ).split(' ');
    const expected = new Map(scored.flatMap((piece, i) => (i % 2 ? [] : [[piece, Number(scored[i + 1])] as const])));
    // Characters that are needed and earned no piece share the least score.
    for (const char of '狐2ЖrTÉ’émbDv1狸3!:;A—f') expected.set(char, -5.241);
    expect(vocab.slice(0, 2)).toEqual([
      ['<unk>', 0],
      ['<s>', 0],
    ]);
    expect(new Set(vocab.slice(2).map(([piece]) => piece))).toEqual(new Set(expected.keys()));
    for (const [piece, score] of vocab.slice(2))
      expect(Math.abs(score - (expected.get(piece) ?? 0))).toBeLessThan(0.003);
  });

  it('makes a ready tokenizer', async () => {
    const trained = await trainUnigram(texts, { vocabSize: 60 });
    expect(trained.decode(trained.encodeIds('the bat sat'))).toBe('the bat sat');
    expect(trained.encode('ж').ids).toContain(trained.tokenToId('<unk>'));
  });

  it('makes no longer piece with U+0000, as the reference', async () => {
    const options = { vocabSize: 30, preTokenizer: null, normalizer: null };
    const trained = await trainUnigram(['ab\0abab\0abc\0', '\0\0', 'abc\0ab'], options);
    const { vocab } = trained.toJSON().model as { vocab: [string, number][] };
    const expected = [-0.30991, -1.59159, -1.59169, -1.59179, -1.59179];
    expect(vocab.slice(1).map(([piece]) => piece)).toEqual(['ab', 'b', 'a', '\0', 'c']);
    for (const [i, [, score]] of vocab.slice(1).entries()) expect(score).toBeCloseTo(expected[i] as number, 4);
  });

  it('refuses settings that make no sense', async () => {
    const failing = (options: Partial<TrainUnigramOptions>) =>
      expect(trainUnigram(texts, { vocabSize: 60, ...options })).rejects;
    await failing({ vocabSize: 20 }).toThrow('for all characters');
    await failing({ shrinkingFactor: 1 }).toThrow('shrinkingFactor');
    await failing({ maxPieceLength: 0 }).toThrow('maxPieceLength');
    await failing({ nSubIterations: 0 }).toThrow('nSubIterations');
    await failing({ seedSize: 0 }).toThrow('seedSize');
    await failing({ initialAlphabet: ['\ud800'] }).toThrow('initialAlphabet');
    await failing({ unkToken: '\ud800' }).toThrow('unkToken');
  });
});

describe('the steps of Unigram training', () => {
  const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 7 }), {
    minLength: 1,
    maxLength: 40,
  });

  it('begins with the substrings that go on in more than one way', async () => {
    await fc.assert(
      fc.asyncProperty(words, fc.integer({ min: 1, max: 5 }), async (list, longest) => {
        const places = new Map<string, { count: number; next: Set<string> }>();
        for (const word of list)
          for (let i = 0; i < word.length; i++)
            for (let n = 2; n <= longest && i + n <= word.length; n++) {
              const entry = places.get(word.slice(i, i + n)) ?? { count: 0, next: new Set() };
              entry.count++;
              entry.next.add(word[i + n] ?? 'end');
              places.set(word.slice(i, i + n), entry);
            }
        const expected = [...places].filter(([, { next }]) => next.size > 1);
        const laid = laidOut(list);
        const limits = { ranks: 4, longest, most: 1e6 };
        const seeds = await seedPieces(laid, new Float64Array(list.length).fill(2), limits, new Pace({}));
        const found = seeds.from.map((from, i) => {
          const piece = laid.chars.subarray(from, from + (seeds.length[i] as number));
          return [String.fromCharCode(...Array.from(piece, (c) => c + 96)), seeds.score[i] as number] as const;
        });
        const several = found.filter(([piece]) => piece.length > 1);
        expect(new Map(several)).toEqual(new Map(expected.map(([piece, { count }]) => [piece, count * piece.length])));
        // By falling score, ties by falling text.
        const order = (x: readonly [string, number], y: readonly [string, number]) =>
          y[1] - x[1] || (x[0] < y[0] ? 1 : -1);
        expect(several).toEqual([...several].sort(order));
      }),
    );
  });

  it('sorts groups of every size alike', async () => {
    // Large groups are counted, middling ones sorted by key, small ones inserted: all of them meet here.
    const list = Array.from({ length: 3000 }, (_, i) =>
      String.fromCharCode(97 + (i % 26), 97 + ((i * 7) % 26), 97 + ((i * i) % 23)),
    );
    const laid = laidOut(list);
    const limits = { ranks: 700, longest: 3, most: 1e6 };
    const counts = new Float64Array(list.length).fill(1);
    const wide = await seedPieces({ ...laid, chars: laid.chars.map((c) => c * 25) }, counts, limits, new Pace({}));
    const narrow = await seedPieces(laid, counts, { ...limits, ranks: 27 }, new Pace({}));
    expect(wide.score.slice(699)).toEqual(narrow.score.slice(26));
    expect(wide.length.slice(699)).toEqual(narrow.length.slice(26));
  });

  it('weighs all cuts of a word, and finds the best one', () => {
    // Pieces of "abcab": places in the word, with scores; c is no piece, so it is unknown.
    const chars = Int32Array.of(1, 2, 3, 1, 2);
    const pieces = {
      from: Int32Array.of(0, 0, 1, 0, 0),
      length: Int32Array.of(0, 1, 1, 2, 5),
      score: Float64Array.of(0, -2, -1.5, -3.7, -14),
    };
    const lattice = new Lattice(chars, pieces);
    const unknown = -14 - 10;
    const ab = Math.log(Math.exp(-3.5) + Math.exp(-3.7));
    const cut = 2 * ab + unknown;
    const whole = Math.log(Math.exp(cut) + Math.exp(-14));
    const expected = new Float64Array(5);
    lattice.expect(0, 5, 3, expected);
    const throughCut = 3 * Math.exp(cut - whole);
    expect(expected[4]).toBeCloseTo(3 * Math.exp(-14 - whole), 12);
    expect(expected[0]).toBeCloseTo(throughCut, 12);
    expect(expected[1]).toBeCloseTo(2 * throughCut * Math.exp(-3.5 - ab), 12);
    expect(expected[3]).toBeCloseTo(2 * throughCut * Math.exp(-3.7 - ab), 12);
    expect(lattice.best(0, 5)).toEqual({ pieces: [4], score: -14 });
    const parts = lattice.best(0, 5, true);
    expect(parts.pieces).toEqual([2, 1, 0, 2, 1]);
    expect(parts.score).toBeCloseTo(-7 + unknown, 12);
    expect(lattice.best(2, 3, true).pieces).toEqual([]);
  });

  it.each([
    [1, -0.5772156649015329],
    [0.5, -1.9635100260214235],
    [10, 2.251752589066721],
    [1e6, 13.81551005796419],
  ])('digamma(%d)', (x, expected) => {
    expect(digamma(x)).toBeCloseTo(expected, 9);
  });
});
