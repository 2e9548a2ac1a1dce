import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors';
import { splitPattern } from '../pre-tokenizers/split';
import { AlignedText } from '../text/aligned-text';
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

describe("Oniguruma's rare syntax", () => {
  // What Split(Regex(…), 'isolated') of Hugging Face's library (0.23) gives.
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['x(?i)a|b', 'xa xB b x', ['xa', ' ', 'xB', ' b x']],
    ['a(?-m)b|c', 'ac c ab', ['ac', ' c ', 'ab']],
    ['a{2,1}a', 'aaa a', ['aaa', ' a']],
    ['a{2}?b', 'b aab', ['b', ' ', 'aab']],
    ['a(?#note)+', 'baaa', ['b', 'aaa']],
    ['(?x) a # c\n +', 'baaa', ['b', 'aaa']],
    ['\\2(a)(b)|ba', 'abab', ['a', 'ba', 'b']],
    ["(a)\\k<-1>|(b)\\k'2'", 'aabbab', ['aa', 'bb', 'ab']],
    ['(?<n>a)|(?<n>b)\\k<n>', 'abba', ['a', 'bb', 'a']],
    ['[\\b\\101\\R\\X\\N]', 'R\bA\nXN', ['R', '\b', 'A', '\n', 'X', 'N']],
    [
      '\\X',
      'e\u0301x\r\n\r\ud83d\udc69\u200d\ud83d\udc69\uac01\u1100\u1161\u11a8\ud83c\udde9\ud83c\uddea\ud83c\udde9',
      [
        'e\u0301',
        'x',
        '\r\n',
        '\r',
        '\ud83d\udc69\u200d\ud83d\udc69',
        '\uac01',
        '\u1100\u1161\u11a8',
        '\ud83c\udde9\ud83c\uddea',
        '\ud83c\udde9',
      ],
    ],
    ['\\Ga', 'aabaa', ['a', 'a', 'baa']],
    ['a\\Kb', 'abab', ['a', 'b', 'a', 'b']],
    ['(?<=(?>a|ab))c', 'abc ac', ['abc a', 'c']],
    ['(?<=a++)b', 'aab b', ['aa', 'b', ' b']],
    ['\\p{LC}+', 'aB1', ['aB', '1']],
    ['$', 'a\ud83d\ude00\n', ['a\ud83d\ude00', '\n']],
    ['[\\w]', 'a\u00b2', ['a', '\u00b2']],
    ['[[:print:]]+', 'a\u2028b', ['a', '\u2028', 'b']],
    ['(?i)\\p{Lu}[\\p{Lu}]', 'Aa aA', ['Aa', ' aA']],
    ['[a\\d-]+', 'a1-b', ['a1-', 'b']],
    ['(a)(?<n>b)\\k<n>', 'xabb', ['x', 'abb']],
    ['(?i)(a)\\1', 'xaA', ['x', 'aA']],
    ['\\101\\o{102}\\cI', 'ABAB\t', ['AB', 'AB\t']],
    ['\\y', 'e\u0301x\r\n', ['e\u0301', 'x', '\r\n']],
    ['\\Y', 'e\u0301x\r\n', ['e', '\u0301x\r', '\n']],
    // A cluster that began before ends where it does.
    ['\\O\\X', '\ud83c\udff3\ufe0f\u200d\ud83c\udf08a b', ['\ud83c\udff3\ufe0f\u200d\ud83c\udf08', 'a ', 'b']],
    ['(?y{g}:\\X)', 'e\u0301x', ['e\u0301', 'x']],
    ['\\xe3\\x81\\x82+[\\xc3\\xa9]', '\u3042\u3042\u00e9', ['\u3042\u3042\u00e9']],
    ['[a-&&\\-]', 'a-b', ['a', '-', 'b']],
    ["(?:(?:'*?|.b))?", 'ab', ['a', 'b']],
    ['\\p{L u}', 'aB', ['a', 'B']],
    // Other cases are those of the whole class, with what an inner one leaves out.
    ['(?i:[[:^lower:]])', 'a\u03c31', ['a', '\u03c3', '1']],
    ['(?i:[^[:^lower:]])', 'aA1', ['aA1']],
    ['(?i:[^a])+', 'aAb', ['aA', 'b']],
    ['(?i)[\u0390]', '\u0390\u1fd3', ['\u0390', '\u1fd3']],
    ['b(?:\\Ga)?', 'bab', ['b', 'a', 'b']],
    ['e(?:.\\Y.)?', 'erNe', ['e', 'rN', 'e']],
  ];

  it.each(cases)('splits by %j as the reference does: %j', (pattern, source, want) => {
    expect(
      splitPattern(pattern)
        .split(AlignedText.of(source))
        .map((piece) => piece.text),
    ).toEqual(want);
  });

  it("is not Rust's: there flags hold in later alternatives, and joiners are letters", () => {
    expect(compilePattern('x(?i)a|b', 'rust').matches('xa xB b')).toEqual([0, 2, 4, 5, 6, 7]);
    expect(compilePattern('[[:alpha:]]|[[:^ascii:]]', 'rust').matches('a1éb')).toEqual([0, 1, 2, 3, 3, 4]);
    expect(compilePattern('[[:alpha:]]+').matches('a1éb')).toEqual([0, 1, 2, 4]);
    expect(compilePattern('\\w\\b', 'rust').matches('a\u200d ²')).toEqual([1, 2]);
    expect(compilePattern('\\w\\b').matches('a\u200d ²')).toEqual([0, 1, 3, 4]);
  });
});

describe('malformed and unsupported patterns', () => {
  it('are refused with the pattern and the place', () => {
    for (const [pattern, message] of [
      ['(a', /a group without an end/],
      ['a)', /an unmatched \)/],
      ['[a', /a class without an end/],
      ['*a', /nothing to repeat/],
      ['{2}a', /nothing to repeat/],
      ['(?<=a)*', /a repeated anchor/],
      ['[b-a]', /a range out of order/],
      ['\\2(a)', /a reference to group 2/],
      ['(?<n>a)\\1', /a reference by number beside named groups/],
      ['(?P=x)', /the group/],
      ['\\p{Nonsense}', /the property "Nonsense"/],
      ['a{5000}', /a repeat of more than 1000/],
      ['\\', /a trailing backslash/],
      ['[\\d-x]', /a range from a class/],
      ['[[:alpha:]-x]', /a range from a class/],
      ['[x-\\d]', /a range to a class/],
      ['\\xe9', /bytes that are no character of UTF-8/],
      ['\\351', /a byte beyond ASCII in octal/],
      ['\\u{61}', /\\u at place/],
      ['\\K+', /a repeated anchor/],
      ['(?u)a', /the flag u/],
      ['(?P<n>a)', /the group \(\?P</],
      ['\\p{Script=Latin}', /the property "Script=Latin"/],
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
    expect(literalPattern('').matches('a😀')).toEqual([0, 0, 1, 1, 3, 3]);
    expect(literalPattern('a.b').matches('axb a.b')).toEqual([4, 7]);
  });

  it('read the forms of tokenizer.json', () => {
    expect(readPattern({ String: '.' }, 'p').pattern.matches('a.')).toEqual([1, 2]);
    expect(readPattern({ Regex: '.' }, 'p').pattern.matches('a.')).toEqual([0, 1, 1, 2]);
    expect(readPattern('.', 'p').toJSON()).toEqual({ String: '.' });
    expect(() => readPattern({}, 'place.pattern')).toThrow(/place\.pattern: expected a String or a Regex/);
  });
});
