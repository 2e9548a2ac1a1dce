import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../tokenizer';

const tokenizer = Tokenizer.fromJSON({
  added_tokens: [{ id: 4, content: '<x>', special: true, normalized: false }],
  pre_tokenizer: { type: 'WhitespaceSplit' },
  model: { type: 'WordLevel', unk_token: '?', vocab: { '?': 0, a: 1, b: 2, '😀': 3, '<x>': 4 } },
});

describe('encode, step by step', () => {
  it('counts words, code units and code points', () => {
    const made = tokenizer.encode('a 😀 <x>b');
    expect([...made.ids]).toEqual([1, 3, 4, 2]);
    expect(made.wordIds).toEqual([0, 1, 2, 3]);
    expect(made.offsets).toEqual([
      [0, 1],
      [2, 4],
      [5, 8],
      [8, 9],
    ]);
    expect(made.codePointOffsets).toEqual([
      [0, 1],
      [2, 3],
      [4, 7],
      [7, 8],
    ]);
  });

  it('counts words of which no token is left', () => {
    const silent = Tokenizer.fromJSON({
      pre_tokenizer: { type: 'WhitespaceSplit' },
      model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
    });
    expect(silent.encode('? a ? a').wordIds).toEqual([1, 3]);
  });

  it('takes given words, with offsets inside each', () => {
    const made = tokenizer.encode(['a', 'b <x>', '']);
    expect([...made.ids]).toEqual([1, 2, 4]);
    expect(made.wordIds).toEqual([0, 1, 1]);
    expect(made.offsets).toEqual([
      [0, 1],
      [0, 1],
      [2, 5],
    ]);
  });

  it('stops where the reference stops: added tokens count but do not end the text', () => {
    const windows = (text: string, maxLength: number, direction: 'left' | 'right' = 'right') => {
      const made = tokenizer.encode(text, { truncation: { maxLength, direction } });
      return [[...made.ids], ...made.overflowing.map((e) => [...e.ids])];
    };
    expect(windows('a b a b', 2)).toEqual([[1, 2]]);
    expect(windows('<x>a b', 1)).toEqual([[4], [1]]);
    expect(windows('a<x><x><x>b a', 2)).toEqual([[1, 4], [4, 4], [2]]);
    expect(windows('a b<x><x>', 1, 'left')).toEqual([[4], [4], [2]]);
  });

  it('refuses lone surrogates, naming the place', () => {
    expect(() => tokenizer.encode('ab\ud800c')).toThrow(
      /lone surrogate at place 2; text\.toWellFormed\(\) replaces it/,
    );
    expect(() => tokenizer.encodeIds('\udc00')).toThrow(/lone surrogate at place 0/);
    expect(() => tokenizer.encode(['a', 'b\ud83d'])).toThrow(/place 1 of word 1/);
    expect(() => tokenizer.encode('a', { pair: '\ud83d' })).toThrow(/lone surrogate/);
  });
});
