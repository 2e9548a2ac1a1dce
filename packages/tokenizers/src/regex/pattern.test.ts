import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors';
import { compilePattern, literalPattern } from './pattern';
import { readPattern } from './read';

const text = 'abc Kſ  aB\nx12y\u0085 aabfacx';
/** Matches that Oniguruma gives, as Hugging Face's library (0.23) has it. */
const expected: readonly (readonly [string, readonly (readonly [number, number])[]])[] = [
  ['\\s+$', []],
  [
    '(?i:ſ|k)',
    [
      [4, 5],
      [5, 6],
    ],
  ],
  [
    'a++b?',
    [
      [0, 2],
      [8, 9],
      [17, 20],
      [21, 22],
    ],
  ],
  [
    '[\\p{L}&&[^\\p{Lu}]]+',
    [
      [0, 3],
      [5, 6],
      [8, 9],
      [11, 12],
      [14, 15],
      [17, 24],
    ],
  ],
  [
    '(?<=a)b',
    [
      [1, 2],
      [19, 20],
    ],
  ],
  ['(?>a|ab)c', [[21, 23]]],
  ['^x|y$', [[11, 12]]],
  [
    '\\h+',
    [
      [0, 3],
      [8, 10],
      [12, 14],
      [17, 23],
    ],
  ],
  [
    '[[:alpha:]]+',
    [
      [0, 3],
      [4, 6],
      [8, 10],
      [11, 12],
      [14, 15],
      [17, 24],
    ],
  ],
  ['\\Ab|c\\z', []],
  ['(a)\\1', [[17, 19]]],
  ['x{,2}y', [[14, 15]]],
  ['a{2}+', [[17, 19]]],
];

describe('compilePattern', () => {
  for (const [pattern, matches] of expected) {
    it(`matches ${pattern} as Oniguruma does`, () => {
      const flat = compilePattern(pattern).matches(text);
      expect(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]])).toEqual(matches);
    });
  }

  it('knows that U+0085 is a space and U+FEFF is none', () => {
    expect(compilePattern('\\s').matches('\u0085\ufeff')).toEqual([0, 1]);
    expect(compilePattern('\\S').matches('\u0085\ufeff')).toEqual([1, 2]);
  });

  it('has lines in Oniguruma, the whole text in Rust', () => {
    expect(compilePattern('^b|a$').matches('a\nb')).toEqual([0, 1, 2, 3]);
    expect(compilePattern('^b|a$', 'rust').matches('a\nb')).toEqual([]);
    expect(compilePattern('(?m)^b|a$', 'rust').matches('a\nb')).toEqual([0, 1, 2, 3]);
    expect(compilePattern('.').matches('\n')).toEqual([]);
    expect(compilePattern('(?m:.)').matches('\n')).toEqual([0, 1]);
    expect(compilePattern('(?s:.)', 'rust').matches('\n')).toEqual([0, 1]);
  });

  it('agrees with JavaScript where both mean the same', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '[ab]',
      '[^a]',
      '(?:ab|b)',
      'a?',
      'b*',
      '(?:a|b)+?',
      'a{1,2}',
      '(?=b)',
      '(?<!a)',
    );
    fc.assert(
      fc.property(
        fc.array(atom, { minLength: 1, maxLength: 4 }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c') }),
        (parts, source) => {
          const pattern = parts.join('');
          const want = [...source.matchAll(new RegExp(pattern, 'gu'))]
            .map((m) => [m.index, m.index + m[0].length] as const)
            .filter(([from, to]) => to > from);
          const flat = compilePattern(pattern).matches(source);
          const got = Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]).filter(
            ([from, to]) => (to as number) > (from as number),
          );
          expect(got).toEqual(want);
        },
      ),
    );
  });

  it('gives up on a catastrophic pattern and names it', () => {
    for (const pattern of ['(a+)+$', '(a|a)*$', '(?:a*)*b', '((a?){1,9}){9}\\Z']) {
      let error: unknown;
      try {
        compilePattern(`x${pattern}`).matches(`x${'a'.repeat(3000)}!`);
      } catch (e) {
        error = e;
      }
      // Either it is quick, or it stops with an error that names the pattern.
      if (error !== undefined) {
        expect(error).toBeInstanceOf(TokenizerError);
        expect((error as TokenizerError).code).toBe('step_limit');
        expect((error as TokenizerError).message).toContain(JSON.stringify(`x${pattern}`));
      }
    }
    expect(() => compilePattern('(x+x+)+y').matches('x'.repeat(40))).toThrow(/"\(x\+x\+\)\+y" takes too many steps/);
  });

  it('ends loops that match nothing', () => {
    expect(compilePattern('(?:)*a').matches('a')).toEqual([0, 1]);
    expect(compilePattern('(?:b*)*').matches('ab')).toEqual([0, 0, 1, 2]);
  });
});

describe('malformed and unsupported patterns', () => {
  it('are refused with the pattern and the place', () => {
    for (const [pattern, message] of [
      ['(a', /a group without an end/],
      ['a)', /an unmatched \)/],
      ['[a', /a class without an end/],
      ['*a', /nothing to repeat/],
      ['a{3,2}', /whose most is below its least/],
      ['[b-a]', /a range out of order/],
      ['\\2(a)', /a reference to group 2/],
      ['(?P=x)', /the group/],
      ['\\p{Nonsense}', /the property "Nonsense"/],
      ['a{5000}', /a repeat of more than 1000/],
      ['\\', /a trailing backslash/],
      ['\\x{110000}', /beyond U\+10FFFF/],
      [`${'('.repeat(300)}`, /nesting deeper than 200/],
    ] as const) {
      const run = () => compilePattern(pattern).matches('b');
      expect(run).toThrow(message);
      expect(run).toThrow(TokenizerError);
    }
  });
});

describe('literalPattern and readPattern', () => {
  it('find every occurrence of a string', () => {
    expect(literalPattern('aa').matches('aaaaa')).toEqual([0, 2, 2, 4]);
    expect(literalPattern('').matches('a')).toEqual([]);
    expect(literalPattern('a.b').matches('axb a.b')).toEqual([4, 7]);
  });

  it('read the forms of tokenizer.json', () => {
    expect(readPattern({ String: '.' }, 'p').pattern.matches('a.')).toEqual([1, 2]);
    expect(readPattern({ Regex: '.' }, 'p').pattern.matches('a.')).toEqual([0, 1, 1, 2]);
    expect(readPattern('.', 'p').toJSON()).toEqual({ String: '.' });
    expect(() => readPattern({}, 'place.pattern')).toThrow(/place\.pattern: expected a String or a Regex/);
  });
});
