import { describe, expect, it } from 'vitest';
import { WordLevel } from './word-level';
import { WordPiece } from './word-piece';

const vocab = new Map([
  ['[UNK]', 0],
  ['un', 1],
  ['##aff', 2],
  ['##able', 3],
  ['a', 4],
  ['##ff', 5],
]);
const model = new WordPiece({ vocab, maxInputCharsPerWord: 10 });

describe('WordPiece', () => {
  it("gives what Hugging Face's library gives", () => {
    expect(model.tokenize('unaffable')).toEqual({
      ids: [1, 2, 3],
      tokens: ['un', '##aff', '##able'],
      starts: [0, 2, 5],
      ends: [2, 5, 9],
    });
    expect(model.tokenize('aff').tokens).toEqual(['a', '##ff']);
    // One place without a piece makes the word unknown, as does a long word.
    expect(model.tokenize('unx')).toEqual({ ids: [0], tokens: ['[UNK]'], starts: [0], ends: [3] });
    expect(model.tokenize('aaaaaaaaaaa').ids).toEqual([0]);
    expect(model.tokenize('').ids).toEqual([]);
  });

  it('counts characters, not code units', () => {
    const smiles = new WordPiece({
      vocab: new Map([
        ['[UNK]', 0],
        ['😀', 1],
        ['##😀', 2],
      ]),
      maxInputCharsPerWord: 3,
    });
    expect(smiles.tokenize('😀😀😀').ids).toEqual([1, 2, 2]);
    expect(smiles.tokenize('😀😀😀😀').ids).toEqual([0]);
  });

  it('needs its unknown token only when a word is unknown', () => {
    const bare = new WordPiece({ vocab: new Map([['a', 0]]) });
    expect(bare.tokenize('a').ids).toEqual([0]);
    expect(() => bare.tokenize('b')).toThrow(/\[WordPiece\] the unknown token "\[UNK\]"/);
  });
});

describe('WordLevel', () => {
  it('takes whole words', () => {
    const words = new WordLevel({
      vocab: new Map([
        ['<unk>', 0],
        ['hello', 1],
      ]),
    });
    expect(words.tokenize('hello')).toEqual({ ids: [1], tokens: ['hello'], starts: [0], ends: [5] });
    expect(words.tokenize('bye')).toEqual({ ids: [0], tokens: ['<unk>'], starts: [0], ends: [3] });
    expect(() => new WordLevel({ vocab: new Map() }).tokenize('x')).toThrow(/\[WordLevel\]/);
  });
});
