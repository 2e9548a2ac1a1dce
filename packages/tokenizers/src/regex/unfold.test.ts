import { describe, expect, it } from 'vitest';
import { compilePattern } from './pattern';

const found = (pattern: string, text: string) => {
  const places = compilePattern(pattern).matches(text);
  return Array.from({ length: places.length / 2 }, (_, i) => text.slice(places[2 * i], places[2 * i + 1]));
};

/** Matches that Oniguruma gives, as Hugging Face's library (0.23.3) has them. */
const cases: readonly (readonly [pattern: string, text: string, matches: readonly string[]])[] = [
  ['(?i:ß)', 'ß ẞ ss SS ſs s', ['ß', 'ẞ', 'ss', 'SS', 'ſs']],
  ['(?i)strasse', 'STRAẞE straße Strasse', ['STRAẞE', 'straße', 'Strasse']],
  ['(?i)straße', 'STRASSE STRAẞE', ['STRASSE', 'STRAẞE']],
  ['(?i:st)', 'ﬅ ﬆ st ſT', ['ﬅ', 'ﬆ', 'st', 'ſT']],
  ['(?i)İ', 'i̇ i İ', ['i̇', 'İ']],
  ['(?i)ἀι', 'ᾀ ᾈ ἈΙ', ['ᾀ', 'ᾈ', 'ἈΙ']],
  // As many as fold to one character are taken from the left, three before two.
  ['(?i:ffi)', 'ﬃ ﬀi fﬁ FFI', ['ﬃ', 'FFI']],
  ['(?i:fﬁ)', 'ﬃ ffi fﬁ', ['ffi', 'fﬁ']],
  ['(?i:sss)', 'ßs sß', ['ßs']],
  // Only what stands beside each other, whatever plain groups there are.
  ['(?i)s(?:(?:s))', 'ß ss', ['ß', 'ss']],
  ['(?i)s{1}s', 'ß ss', ['ß', 'ss']],
  ['(?i)s(?i:s)', 'ß ss', ['ss']],
  ['(?i)s(s)', 'ß ss', ['ss']],
  ['(?i)s(?=)s', 'ß ss', ['ss']],
  ['(?i)s{2}', 'ß ss', ['ss']],
  ['(?i)[s]s', 'ß ss', ['ss']],
  ['(?i)(?:.s)s', 'aß ass', ['ass']],
  ['(?i)ss+', 'ß ss', ['ss']],
  ['(?i)(?:ß)++x', 'ßssx', ['ßssx']],
  // Classes: foldings behind their characters, none of what is negated.
  ['(?i)[ﬀﬃ]', 'ffi ﬃ', ['ff', 'ﬃ']],
  ['(?i)[ß-ü]x', 'ssx ßx', ['ssx', 'ßx']],
  ['(?i)[\\p{L}]{2}x', 'assx', ['assx']],
  ['(?i)[ßs]+x', 'sßssx', ['sßssx']],
  ['(?i)[^a]', 'ssß', ['s', 's', 'ß']],
  ['(?i)\\p{L}x', 'ssx', ['sx']],
  // In look-behind only of classes.
  ['(?i)(?<=ß)x', 'ssx ẞx', ['x']],
  ['(?i)(?<=[ß])x', 'ssx ax', ['x']],
  // A group again is characters of one case or another, in no more bytes.
  ['(?i)(ß)\\1', 'ßss ẞß ßẞ', ['ẞß']],
  ['(?i)(s)\\1', 'sſ sS', ['sS']],
  ['ss', 'ß', []],
];

describe('unfold', () => {
  it.each(cases)('%s in %s', (pattern, text, matches) => {
    expect(found(pattern, text)).toEqual(matches);
  });

  it('leaves patterns of Rust alone', () => {
    expect([...compilePattern('(?i:ss)', 'rust').matches('ß ss')]).toEqual([2, 4]);
  });
});
