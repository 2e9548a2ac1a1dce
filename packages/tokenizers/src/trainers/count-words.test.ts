import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLevel, charToByte, createNormalizer, createPreTokenizer, metaspace, splitText } from '../index';
import { CountTable } from './count-table';
import { countWords } from './count-words';
import type { TrainOptions } from './options';
import { type WordCounts, charsOf, textOf } from './word-counts';

const spaces = createPreTokenizer({ type: 'WhitespaceSplit' });
const counted = (texts: Iterable<string>, options: Partial<TrainOptions>) =>
  countWords(texts, { vocabSize: 1000, ...options });

function toMap(counts: WordCounts): Map<string, number> {
  const { chars, starts } = charsOf(counts);
  return new Map(
    Array.from(counts.counts, (count, w) => [textOf(chars, starts[w] as number, starts[w + 1] as number), count]),
  );
}

function expected(words: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

describe('counting words', () => {
  const texts = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 20 });

  it('counts what the pre-tokenizer gives, in the order of its coming', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.constantFrom(byteLevel(), spaces, metaspace()), async (list, preTokenizer) => {
        const words = list.flatMap((text) => splitText(preTokenizer, text).map((piece) => piece.text));
        fc.pre(words.length > 0);
        const counts = toMap(await counted(list, { preTokenizer }));
        expect([...counts]).toEqual([...expected(words)]);
      }),
    );
  });

  it('takes whole texts where there is no pre-tokenizer, and normalises before', async () => {
    const normalizer = createNormalizer({ type: 'Lowercase' });
    const counts = await counted(['A b', 'a B', '', 'c'], { normalizer });
    expect(toMap(counts)).toEqual(new Map(Object.entries({ 'a b': 2, c: 1 })));
    expect(counts.report).toMatchObject({ texts: 4, units: 7, distinctWords: 2, prunedWords: 0, countError: 0 });
  });

  it('drops the rarest words beyond its limits, and says how far off the counts are', async () => {
    // Word n comes about 20,000 / n times; long words are rare.
    const word = (i: number) => {
      const n = Math.floor(20_000 / (((i * 7919) % 20_000) + 1));
      return n > 5 ? `w${n}` : `rare-${i}`;
    };
    const words = Array.from({ length: 400_000 }, (_, i) => word(i));
    const list = Array.from({ length: 400 }, (_, i) => words.slice(i * 1000, i * 1000 + 1000).join(' '));
    const truth = expected(words);
    for (const limits of [{ maxWords: 5000 }, { maxBytes: 60_000 }]) {
      const counts = await counted(list, { preTokenizer: spaces, ...limits });
      const found = toMap(counts);
      const { prunedWords, prunedOccurrences, countError, distinctWords } = counts.report;
      expect(prunedWords).toBeGreaterThan(0);
      expect(distinctWords).toBe(found.size);
      let sum = 0;
      for (const [text, count] of found) {
        sum += count;
        expect(count).toBeLessThanOrEqual(truth.get(text) as number);
        expect(count + countError).toBeGreaterThanOrEqual(truth.get(text) as number);
      }
      expect(sum + prunedOccurrences).toBe(words.length);
      for (const [text, count] of truth) if (count > countError) expect(found.has(text)).toBe(true);
      // Limits are looked at every 2 M characters.
      const bytes = counts.bytes.length;
      expect(found.size <= (limits.maxWords ?? Number.POSITIVE_INFINITY)).toBe(true);
      expect(bytes <= (limits.maxBytes ?? Number.POSITIVE_INFINITY)).toBe(true);
    }
  });

  it('cuts a text of millions of characters at a word’s end only', async () => {
    const line = 'the quick brown fox jumps over the lazy dog while 狐狸 sleep, ';
    const text = line.repeat(100_000);
    const counts = toMap(await counted([text], { preTokenizer: metaspace() }));
    expect(counts).toEqual(
      new Map(
        [...expected(line.trim().split(' '))].map(([w, n]) => [`▁${w}`, n * 100_000]).concat([['▁', 1]]) as [
          string,
          number,
        ][],
      ),
    );
  });

  // Counts of Hugging Face's pre-tokenizers.
  const n = 130_000;
  it.each([
    [{ type: 'Split', pattern: { String: '\n' }, behavior: 'Removed', invert: false }, { 'the cat, a dog 12': n }],
    [
      { type: 'Punctuation', behavior: 'Isolated' },
      { 'the cat': 1, ',': n, ' a dog 12\nthe cat': n - 1, ' a dog 12\n': 1 },
    ],
    [
      { type: 'Digits', individual_digits: false },
      { 'the cat, a dog ': 1, '12': n, '\nthe cat, a dog ': n - 1, '\n': 1 },
    ],
    [
      { type: 'CharDelimiterSplit', delimiter: ',' },
      { 'the cat': 1, ' a dog 12\nthe cat': n - 1, ' a dog 12\n': 1 },
    ],
    [{ type: 'UnicodeScripts' }, { 'the cat': n, ', ': n, 'a dog ': n, '12\n': n }],
    [
      { type: 'Split', pattern: { Regex: '\\s+' }, behavior: 'MergedWithPrevious', invert: false },
      { 'the ': n, 'cat, ': n, 'a ': n, 'dog ': n, '12\n': n },
    ],
    [
      {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Digits', individual_digits: true },
          { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false },
        ],
      },
      { '▁the▁cat,▁a▁dog▁': 1, '▁1': n, '▁2': n, '▁\nthe▁cat,▁a▁dog▁': n - 1, '▁\n': 1 },
    ],
  ])('cuts no word with spaces in a text of millions of characters: %j', async (json, expected) => {
    const text = 'the cat, a dog 12\n'.repeat(n);
    const counts = toMap(await counted([text], { preTokenizer: createPreTokenizer(json) }));
    expect(counts).toEqual(new Map(Object.entries(expected)));
  });

  it('keeps a text that is one word whole', async () => {
    const word = 'é'.repeat(3_000_000);
    const { lengths, bytes } = await counted([word], { preTokenizer: byteLevel() });
    expect([...lengths]).toEqual([6_000_000]);
    expect(bytes[1]).toBe(charToByte('©'));
  });
});

describe('a tie of rare words', () => {
  const texts = Array.from({ length: 200 }, (_, i) => `${i}`.padStart(1000, 'x'));

  it('is kept in the order of its coming as far as there is room', async () => {
    const counts = await counted([...texts, 'y', 'y'], { maxBytes: 16_384 });
    // Half of the room is for eight of the long words.
    const { chars, starts } = charsOf(counts);
    const found = Array.from(counts.counts, (_, w) => textOf(chars, starts[w] as number, starts[w + 1] as number));
    expect(found).toEqual([...texts.slice(0, 8), 'y']);
    expect(counts.report).toMatchObject({ distinctWords: 9, prunedWords: 192, prunedOccurrences: 192, countError: 1 });
  });

  it('is reported where nothing of it is left', async () => {
    let report: unknown;
    const options = { maxBytes: 16_384, onReport: (r: unknown) => (report = r) };
    await expect(counted([`${texts[0]}`.repeat(20)], options)).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('maxBytes: expected room for the words of the texts, got none for any of 1, '),
    });
    expect(report).toMatchObject({ prunedWords: 1, distinctWords: 0 });
    await expect(counted([''], options)).rejects.toThrow('expected texts with at least one character, got none');
    expect(report).toMatchObject({ prunedWords: 0, texts: 1 });
  });
});

describe('CountTable', () => {
  it('holds words of all lengths and large counts', () => {
    const table = new CountTable();
    const bytes = Uint8Array.from({ length: 3000 }, (_, i) => (i * i) % 251);
    const view = new DataView(bytes.buffer);
    for (let round = 0; round < 2; round++) for (let n = 1; n < 2000; n++) table.add(view, n % 7, (n % 7) + n, 2 ** 40);
    expect(table.size).toBe(1999);
    const { lengths, counts, bytes: packed } = table.pack();
    expect(Array.from(lengths)).toEqual(Array.from({ length: 1999 }, (_, i) => i + 1));
    expect(counts.every((count) => count === 2 ** 41)).toBe(true);
    expect(packed.subarray(0, 6)).toEqual(
      Uint8Array.of(...bytes.slice(1, 2), ...bytes.slice(2, 4), ...bytes.slice(3, 6)),
    );
  });
});
