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

  // Cuts of one score, and losses that are equal but for rounding, decide here.
  it.each([
    [
      ['aab acbcc bca   a', ' cbccbac  ccbcaac', '  ba acabacbcacccba ccba', 'baabac  b cb b', 'b b bccbc '],
      9,
      0.99,
      [
        '·',
        -1.052,
        'a',
        -1.288,
        'c',
        -2.202,
        'cbcc',
        -3.304,
        'ccba',
        -3.304,
        'bac··',
        -3.304,
        'b',
        -3.331,
        'ccbc',
        -3.331,
      ],
    ],
    [
      ['cecb ae a fedf efdbfeecedd cfcddeddae fd b'],
      10,
      0.75,
      [
        'e',
        -1.908,
        '·',
        -2.04,
        'f',
        -2.04,
        'c',
        -2.195,
        'b',
        -2.373,
        'fd',
        -2.873,
        '·a',
        -2.873,
        'd',
        -3.873,
        'a',
        -3.873,
      ],
    ],
    [
      ['ccadbcfffe bbfcedaebbecaefaab   c cbe  f'],
      10,
      0.75,
      [
        'f',
        -1.733,
        'b',
        -1.845,
        'c',
        -1.933,
        'a',
        -2.428,
        'e',
        -2.666,
        'd',
        -3.016,
        '··',
        -3.016,
        '·c',
        -3.016,
        '·',
        -3.325,
      ],
    ],
  ])('breaks ties as Hugging Face’s trainer: %j', async (input, vocabSize, shrinkingFactor, scored) => {
    const options = { vocabSize, shrinkingFactor, normalizer: null, preTokenizer: null };
    const trained = await trainUnigram(input, options);
    const { vocab } = trained.toJSON().model as { vocab: [string, number][] };
    const scores = new Map(vocab.slice(1));
    for (let i = 0; i < scored.length; i += 2) {
      const piece = String(scored[i]).replaceAll('·', ' ');
      expect(scores.get(piece)).toBeCloseTo(scored[i + 1] as number, 2);
      scores.delete(piece);
    }
    expect([...scores.keys()]).toEqual([]);
  });

  it('gives a score to characters where no piece is seen often enough', async () => {
    const trained = await trainUnigram(['a'.repeat(36)], { vocabSize: 9, normalizer: null, preTokenizer: null });
    expect((trained.toJSON().model as { vocab: unknown }).vocab).toEqual([
      ['<unk>', 0],
      ['a', 0],
    ]);
    expect(trained.encode('aa').tokens).toEqual(['a', 'a']);
  });

  it('writes scores that Hugging Face’s library reads exactly: of cuts that score the same it then takes the same one', async () => {
    const words = (
      'aabaaababbaabbb babbaaabbbabbabaaaabaabbabaabbaaabaaaaab aaababaab aab abaaababbabaaaababbbbaaa ' +
      'bbabbbaaabba bbbabbbaaaabaabbbaabaaa baaabbbabbabaa bbbaabaaaaaabaabbabaa abaaabbbabbbaabbaabba ' +
      'abbaababaababbbabaaabbbaaa ababbaaaaabbbbbbbabbbbababbbabaababaaaa ' +
      'abaabbaaabbaabbbabaaabaaaaabababbabaabb aabbababbababababaaaaaaa aa ab bbababba ' +
      'bbabbbabbaaabbbaabaabbba baababbabbbbaababbbbaaaaaaaaba abbabababaa aaaaabbb baaaaabbbbaa ' +
      'babbabaaaabaaabaa abbabbbbab baabbabbbbbabbabbabababbbbbaabbb ' +
      'baaaaaaaabaaababbaaababbabbbabbbbbbabb abaaabaaa'
    ).split(' ');
    const options = { vocabSize: 20, maxPieceLength: 2, normalizer: null, preTokenizer: null };
    const trained = await trainUnigram(words, options);
    const expected = 'bb ba bb ba aa ab a ab bb aa ba aa'.split(' ');
    expect(trained.encode('bbbabbbaaaabaabbbaabaaa').tokens).toEqual(expected);
    // serde_json reads a number exactly if its digits are a whole number below 2^53.
    const { vocab } = trained.toJSON().model as { vocab: [string, number][] };
    for (const [, score] of vocab) expect(Number(String(score).replace(/[-.]/g, ''))).toBeLessThan(2 ** 53);
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
    expect(lattice.best(0, 5)).toEqual([4]);
    expect(lattice.without(4)).toEqual({ pieces: [1, 2, 0, 1, 2], beaten: false });
    expect(lattice.without(3)).toEqual({ pieces: [1, 2], beaten: true });
    expect(lattice.without(2)).toEqual({ pieces: [], beaten: false });
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
