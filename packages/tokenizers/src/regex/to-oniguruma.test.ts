import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern } from './pattern';
import { toOniguruma } from './to-oniguruma';

describe('toOniguruma', () => {
  it('writes anchors, possessive counts, flags and \\w as Oniguruma has them', () => {
    for (const [rust, oniguruma] of [
      ['^a|b$', '\\Aa|b\\z'],
      ['[$^]\\$\\^', '[$^]\\$\\^'],
      ['a{1,3}+|b', 'a{1,3}|b'],
      ['a{1,3}+b', '(?>a{1,3})b'],
      ['(?:ab){2}+c', '(?>(?:ab){2})c'],
      ['[ab]{2}+c', '(?>[ab]{2})c'],
      ['\\p{L}{2}+c', '(?>\\p{L}{2})c'],
      ['a++b?+', 'a++b?+'],
      ['(?s:.)', '(?m:.)'],
      ['(?is)a.', '(?im)a.'],
      ['\\s++$|a', '\\s++$|a'],
      ['\\u{1f600}', '\\x{1f600}'],
      ['[[:alpha:][:^digit:]1]', '[[[:alpha:]&&\\x00-\\x7f][^[:digit:]&&\\x00-\\x7f]1]'],
    ] as const)
      expect([rust, toOniguruma(rust)]).toEqual([rust, oniguruma]);
  });

  it("leaves tiktoken's pattern as Hugging Face's converter does, but for the count at the end of its alternative", () => {
    const cl100k =
      "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s";
    expect(toOniguruma(cl100k)).toBe(cl100k.replace('{1,3}+', '{1,3}'));
  });

  it('matches the same', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '²', '1', 'é', '\u200d') });
    for (const pattern of [
      '^a|b$',
      'a{1,2}+a|b',
      '\\w+',
      '[\\w ]+|\\W',
      '\\s++$|\\s',
      '(?s:b.)',
      '\\w+?\\b|\\B.',
      '[[:alpha:]]+|[[:^alnum:]]',
    ]) {
      fc.assert(
        fc.property(text, (source) => {
          expect(compilePattern(toOniguruma(pattern)).matches(source)).toEqual(
            compilePattern(pattern, 'rust').matches(source),
          );
        }),
      );
    }
  });
});
