import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bpe, type BpeOptions } from './bpe';
import { readMerges } from './read-bpe';
import { createModel } from './create';

const vocab = new Map([
  ['a', 0],
  ['b', 1],
  ['c', 2],
  ['ab', 3],
  ['abc', 4],
  ['bc', 5],
  ['<unk>', 6],
  ['<0x64>', 7],
]);
const merges = [
  ['a', 'b'],
  ['ab', 'c'],
  ['b', 'c'],
] as const;
const bpe = (options: Partial<BpeOptions> = {}) => new Bpe({ vocab, merges, ...options });

function shown(model: Bpe, word: string): (readonly [number, string, number, number])[] {
  const { ids, tokens, starts, ends } = model.tokenize(word);
  return ids.map((id, i) => [id, tokens[i] as string, starts[i] as number, ends[i] as number] as const);
}

/** BPE as its definition has it: again and again the leftmost of the pairs of the lowest rank. */
function naive(word: string): string[] {
  const symbols = [...word];
  for (;;) {
    let best: number = merges.length;
    let at = -1;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = merges.findIndex(([l, r]) => l === symbols[i] && r === symbols[i + 1]);
      if (rank >= 0 && rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return symbols;
    symbols.splice(at, 2, `${symbols[at]}${symbols[at + 1]}`);
  }
}

describe('Bpe', () => {
  it("gives what Hugging Face's library gives, with every option", () => {
    expect(shown(bpe(), 'abcbcab')).toEqual([
      [4, 'abc', 0, 3],
      [5, 'bc', 3, 5],
      [3, 'ab', 5, 7],
    ]);
    expect(shown(bpe({ unkToken: '<unk>' }), 'axxb')).toEqual([
      [0, 'a', 0, 1],
      [6, '<unk>', 1, 2],
      [6, '<unk>', 2, 3],
      [1, 'b', 3, 4],
    ]);
    expect(shown(bpe({ unkToken: '<unk>', fuseUnk: true }), 'axxb')).toEqual([
      [0, 'a', 0, 1],
      [6, '<unk>', 1, 3],
      [1, 'b', 3, 4],
    ]);
    expect(shown(bpe({ unkToken: '<unk>', byteFallback: true }), 'adxb')).toEqual([
      [0, 'a', 0, 1],
      [7, '<0x64>', 1, 2],
      [6, '<unk>', 2, 3],
      [1, 'b', 3, 4],
    ]);
    expect(shown(bpe({ merges: [] }), 'bc')).toEqual([
      [1, 'b', 0, 1],
      [2, 'c', 1, 2],
    ]);
    expect(shown(bpe({ merges: [], ignoreMerges: true }), 'bc')).toEqual([[5, 'bc', 0, 2]]);
    // Without an unknown token, unknown characters vanish, and their neighbours meet.
    expect(shown(bpe(), 'axb')).toEqual([[3, 'ab', 0, 2]]);
  });

  it('gives its merges as they were given, and takes them from another model', () => {
    const prefixed = new Map([...vocab, ['##b', 8], ['##c', 9]]);
    const given = [
      ['a', '##b'],
      ['ab', '##c'],
      ['a', '##b'],
    ] as const;
    const model = new Bpe({ vocab: prefixed, merges: given, continuingSubwordPrefix: '##' });
    expect(model.merges).toEqual(given);
    expect(model.options.merges).toEqual(given);
    const same = new Bpe(model.options);
    expect(same.toJSON()).toEqual(model.toJSON());
    expect(shown(same, 'abc')).toEqual(shown(model, 'abc'));
    const other = new Bpe({ ...model.options, merges: given.slice(0, 1) });
    expect(other.merges).toEqual(given.slice(0, 1));
    expect(model.merges).toEqual(given);
  });

  it("keeps a long text whole where characters have no token: they take no place in the reference's offsets", () => {
    const word = `${'a?'.repeat(400)}b`;
    expect([...bpe().segments(word)]).toEqual([word]);
    expect(bpe().tokenize(word).ends.at(-1)).toBe(401);
    expect([...bpe({ unkToken: '<unk>' }).segments('ac'.repeat(400))].length).toBeGreaterThan(1);
  });

  it('merges as the definition says, words and long texts in segments', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 200 }), (word) => {
        const model = bpe();
        expect(model.tokenize(word).tokens).toEqual(naive(word));
        const parts = [...model.segments(word)];
        expect(parts.join('')).toBe(word);
        expect(parts.flatMap((part) => model.tokenize(part).tokens)).toEqual(naive(word));
      }),
    );
  });

  it('takes only whole words whole, not stretches of long ones', () => {
    const vocab = new Map(['a', 'b', 'c', 'ca', 'bca', 'bc'].map((token, id) => [token, id]));
    const merges = [
      ['c', 'a'],
      ['b', 'ca'],
    ] as const;
    const model = new Bpe({ vocab, merges, ignoreMerges: true });
    const word = 'bcb'.repeat(40);
    expect([...model.segments(word)].flatMap((part) => model.tokenize(part).tokens)).toEqual([...word]);
  });

  it('knows prefixes inside words and suffixes at their ends', () => {
    const model = new Bpe({
      vocab: new Map([
        ['a', 0],
        ['##b', 1],
        ['##c</w>', 2],
        ['ab', 3],
        ['abc</w>', 4],
      ]),
      merges: [
        ['a', '##b'],
        ['ab', '##c</w>'],
      ],
      continuingSubwordPrefix: '##',
      endOfWordSuffix: '</w>',
    });
    expect(shown(model, 'abc').map(([id, token]) => [id, token])).toEqual([[4, 'abc</w>']]);
  });

  it('leaves out merges by chance, the same with the same seed', () => {
    const word = 'abcabcabcabcabc';
    const of = (dropout: number, seed = 1) => bpe({ dropout, seed }).tokenize(word).tokens;
    expect(of(1)).toEqual([...word]);
    expect(of(0)).toEqual(naive(word));
    // Words that are tokens too, as in Hugging Face's library.
    expect(bpe({ dropout: 1, ignoreMerges: true }).tokenize('bc').tokens).toEqual(['b', 'c']);
    expect(of(0.5)).toEqual(of(0.5));
    expect(of(0.5).join('')).toBe(word);
    expect(() => bpe({ dropout: 2 })).toThrow(/model\.dropout: expected a number from 0 to 1, got 2/);
  });

  it('names merges of absent tokens, ids given twice and an unknown token that is absent', () => {
    expect(() =>
      bpe({
        merges: [
          ['a', 'b'],
          ['a', 'z'],
        ],
      }),
    ).toThrow(/model\.merges\[1\]: .*"z" is absent/);
    expect(() => bpe({ merges: [['c', 'a']] })).toThrow(/model\.merges\[0\]: .*"ca" is absent/);
    expect(() =>
      bpe({
        vocab: new Map([
          ['a', 0],
          ['b', 0],
        ]),
        merges: [],
      }),
    ).toThrow(/0 for both "a" and "b"/);
    expect(() => bpe({ unkToken: '[U]' }).tokenize('x')).toThrow(/the unknown token "\[U\]" is not in the vocabulary/);
  });
});

describe('readMerges', () => {
  it('reads pairs and the strings of old files', () => {
    expect(readMerges(['#version: 0.2', 'a b'], 'x')).toEqual([['a', 'b']]);
    expect(readMerges([['a', 'b'], 'c d'], 'x')).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('names the malformed one', () => {
    for (const wrong of ['a', 'a b c', ' b', ['a'], ['a', 1], 3, null])
      expect(() => readMerges(['a b', wrong], 'model.merges')).toThrow(/model\.merges\[1\]: expected two tokens/);
  });
});

describe('createModel', () => {
  it('guesses the type of old files', () => {
    expect(createModel({ vocab: { a: 0 }, merges: [] }).type).toBe('BPE');
    expect(createModel({ vocab: [['a', -1]], unk_id: 0 }).type).toBe('Unigram');
    expect(createModel({ vocab: { a: 0 }, continuing_subword_prefix: '##' }).type).toBe('WordPiece');
    expect(createModel({ vocab: { a: 0 } }).type).toBe('WordLevel');
  });

  it('names what is unknown or out of range', () => {
    expect(() => createModel({ type: 'Nope' })).toThrow(/model\.type: expected one of BPE, .*got "Nope"/);
    expect(() => createModel({ type: 'BPE', vocab: { a: -1 }, merges: [] })).toThrow(
      /model\.vocab\["a"\]: expected an id/,
    );
    expect(() => createModel({ type: 'BPE', vocab: { a: 2 ** 30 }, merges: [] })).toThrow(/model\.vocab\["a"\]/);
    expect(() => createModel({ type: 'BPE', vocab: { a: 0 }, merges: 'x' })).toThrow(/model\.merges: expected a list/);
    expect(() => createModel(undefined)).toThrow(/model: expected an object/);
  });

  it('writes what it reads', () => {
    for (const config of [
      bpe({ unkToken: '<unk>', byteFallback: true }).toJSON(),
      {
        type: 'WordPiece',
        unk_token: '[U]',
        continuing_subword_prefix: '#',
        max_input_chars_per_word: 5,
        vocab: { '[U]': 0, a: 1 },
      },
      {
        type: 'Unigram',
        unk_id: 0,
        vocab: [
          ['<unk>', 0],
          ['a', -1.5],
        ],
        byte_fallback: true,
      },
      { type: 'WordLevel', vocab: { a: 0, u: 1 }, unk_token: 'u' },
    ])
      expect(createModel(config).toJSON()).toEqual(config);
  });
});
