import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Matcher } from './matcher';
import { parsePattern } from './parse';
import { isSafe, translate } from './translate';

const own = (pattern: string) => new Matcher(parsePattern(pattern, 'oniguruma'), pattern);
const engine = (pattern: string, text: string) => {
  const expression = new RegExp(translate(parsePattern(pattern, 'oniguruma')), 'gv');
  return [...text.matchAll(expression)].filter((m) => m[0] !== '').flatMap((m) => [m.index, m.index + m[0].length]);
};
const nonEmpty = (flat: readonly number[]) => {
  const out: number[] = [];
  for (let i = 0; i < flat.length; i += 2)
    if (flat[i] !== flat[i + 1]) out.push(flat[i] as number, flat[i + 1] as number);
  return out;
};

describe('Matcher', () => {
  it('agrees with the translation on the patterns that tokenizers have', () => {
    const patterns = [
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
      '(?>a+|b)c?',
      '\\b\\w+\\b|\\B.',
      '(?<=[ab]{2})c|^.|.$',
    ];
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', 'c', "'", 's', 'ſ', 'L', ' ', '\n', '\r', '1', '.', '\u0085', '😀', 'é'),
    });
    for (const pattern of patterns) {
      fc.assert(
        fc.property(text, (source) => {
          expect(nonEmpty(own(pattern).matches(source))).toEqual(engine(pattern, source));
        }),
        { numRuns: 200 },
      );
    }
  });

  it('looks behind over several lengths, characters beyond the BMP too', () => {
    expect(own('(?<=😀|ab)c').matches('😀c abc bc')).toEqual([2, 3, 6, 7]);
    expect(own('(?<!a)b').matches('ab bb')).toEqual([3, 4, 4, 5]);
    expect(own('(?<=xa*)b').matches('xaab ab xb')).toEqual([3, 4, 9, 10]);
    expect(own('(?<=(a|ab))c').matches('abc bc')).toEqual([2, 3]);
    // What is behind ends where it is looked from, for possessive repeats too.
    expect(own('(?<=a++)ab').matches('aab')).toEqual([1, 3]);
    expect(own('(?<!a*+)ab').matches('aab')).toEqual([]);
  });

  it('counts steps, not time, and names the pattern', () => {
    expect(() => own('(?:a|aa)+$').matches(`${'a'.repeat(60)}b`)).toThrow(
      /\[regex\] the pattern "\(\?:a\|aa\)\+\$" takes too many steps/,
    );
  });

  it('counts the text that a reference compares', () => {
    expect(() => own('(a*)\\1b').matches('a'.repeat(20_000))).toThrow(/takes too many steps/);
  });

  it('never repeats the outcome of one text in another', () => {
    const matcher = own('(?:a|aa)+$');
    expect(() => matcher.matches(`${'a'.repeat(60)}b`)).toThrow();
    expect(matcher.matches('aa')).toEqual([0, 2]);
  });
});

describe('isSafe', () => {
  it('lets JavaScript run what repeats single characters', () => {
    const safe = (pattern: string) => isSafe(parsePattern(pattern, 'oniguruma'));
    for (const pattern of ['\\p{L}+|\\s+(?!\\S)', 'a++b?', '(?>ab)c*', '(?:abc){3}'])
      expect([pattern, safe(pattern)]).toEqual([pattern, true]);
    for (const pattern of ['(a+)+', '(a|b)*', '(a)\\1', '(?:a+b){2}', '(?<=a++)b', '\\Ga', 'a\\Kb'])
      expect([pattern, safe(pattern)]).toEqual([pattern, false]);
  });
});
