import { describe, expect, it } from 'vitest';
import { Precompiled } from './normalizers/precompiled';
import {
  AlignedText,
  Bpe,
  Tokenizer,
  Unigram,
  WordPiece,
  createNormalizer,
  createPreTokenizer,
  trainBpe,
} from './index';

// Texts at which a loop over pairs of places would not end in any patience. Right results, no clocks.
const letters = (count: number, alphabet: string) => {
  const chars = [...alphabet];
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return chars[Math.floor((state / 2 ** 32) * chars.length)];
  }).join('');
};
const latin = 'abcdefghijklmnopqrstuvwxyz';
const han = '天地玄黃宇宙洪荒日月盈昃辰宿列張';
const long = {
  'a million equal letters': 'a'.repeat(1_000_000),
  'a million letters without a space': letters(1_000_000, latin),
  'a megabyte of Han characters': letters(340_000, han),
  'a million spaces': ' '.repeat(1_000_000),
  'a letter with very many marks': `e${'\u0301'.repeat(300_000)}`,
};
const names = Object.keys(long) as (keyof typeof long)[];

describe('long texts without a word border', () => {
  it.each(names)('byte-level BPE gives back %s', async (name) => {
    const tokenizer = await trainBpe(['banana bandana abracadabra', han, 'aaaa  '], { vocabSize: 320 });
    const { ids } = tokenizer.encode(long[name]);
    expect(tokenizer.decode(ids) === long[name]).toBe(true);
  });

  it.each(names)('BPE of whole texts tells every character of %s', (name) => {
    const tokens = ['<unk>', ...latin, ...han, ' ', '\u0301', 'aa', 'aaaa', 'ab', '天地', '  '];
    const merges = ['aa', 'ab', '天地', '  '].map((t) => [...t] as [string, string]);
    const vocab = new Map(tokens.map((t, i) => [t, i]));
    const model = new Bpe({ vocab, merges: [...merges, ['aa', 'aa']], unkToken: '<unk>' });
    const tokenizer = new Tokenizer({ model });
    const { ids } = tokenizer.encode(long[name]);
    expect(Array.from(ids, (id) => tokens[id]).join('') === long[name]).toBe(true);
  });

  it.each(names)('Unigram tells every character of %s', (name) => {
    const pieces = ['<unk>', ...latin, ...han, ' ', '\u0301', 'ab', '天地', 'aaa'];
    const tokenizer = new Tokenizer({
      model: new Unigram({ pieces: pieces.map((p) => [p, -[...p].length]), unkId: 0 }),
    });
    const { ids } = tokenizer.encode(long[name]);
    expect(Array.from(ids, (id) => pieces[id]).join('') === long[name]).toBe(true);
  });

  it.each(names)('WordPiece gives up on a word that is %s', (name) => {
    const model = new WordPiece({
      vocab: new Map([
        ['[UNK]', 0],
        ['a', 1],
        ['##a', 2],
      ]),
    });
    const tokenizer = new Tokenizer({ model, preTokenizer: createPreTokenizer({ type: 'BertPreTokenizer' }) });
    const { ids } = tokenizer.encode(long[name]);
    expect(new Set(ids)).toEqual(new Set(name === 'a million spaces' ? [] : [0]));
  });

  it.each(['NFC', 'NFD', 'NFKC', 'NFKD'] as const)('%s takes a letter with very many marks', (type) => {
    const text = long['a letter with very many marks'];
    expect(createNormalizer({ type }).normalize(AlignedText.of(text)).text === text.normalize(type)).toBe(true);
  });

  it('Precompiled cuts a long run into the clusters of the whole', () => {
    const text = letters(6000, 'é日😀🇩\u0301\u200d👩👍🏽각\u1100\u1161\u0e33');
    const clusters = [...new Intl.Segmenter('und', { granularity: 'grapheme' }).segment(text)].map((s) => s.segment);
    const { segments } = Precompiled.prototype as unknown as { segments(this: object, run: string): Iterable<string> };
    expect([...segments.call({ segmenter: null }, text)]).toEqual(clusters);
    expect([...segments.call({ segmenter: null }, `e${'\u0301'.repeat(5000)}日`)]).toEqual([
      `e${'\u0301'.repeat(5000)}`,
      '日',
    ]);
  });
});
