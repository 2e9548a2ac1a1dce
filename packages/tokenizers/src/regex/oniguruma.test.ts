import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors';
import { splitPattern } from '../pre-tokenizers/split';
import { AlignedText } from '../text/aligned-text';
import { compilePattern } from './pattern';

type Cases = readonly (readonly [pattern: string, text: string, pieces: readonly string[]])[];

/** Signs, letters and marks of many properties. */
const mixed = 'é-Ａ_1²¼ªº·$+;!١αЖ中ᾀ\u0345Ⓐ\u094d\u200d⁀';

/** What Split(Regex(…), 'isolated') of Hugging Face's library (0.23.3) gives. */
const groups: Readonly<Record<string, Cases>> = {
  'what is absent': [
    ['(?~ab)', 'xxab ab', ['xx', 'a', 'b ', 'a', 'b']],
    ['/\\*(?~\\*/)\\*/', 'a/* b */c*/ /**/', ['a', '/* b */', 'c*/ ', '/**/']],
    ['(?~|b|[a-z]+)', 'aab cb', ['aa', 'b ', 'c', 'b']],
    ['(?~|b|[a-z]{2,3}?)c?', 'aaacxb', ['aa', 'ac', 'xb']],
    ['(?~|345|\\d*)', '12345678', ['12', '3', '45678']],
    ['(?~|b)a+', 'aab aa', ['aa', 'b ', 'aa']],
    ['(?~|b)[ab]+(?~|)[ab]*', 'aabab', ['aabab']],
    ['(?~|b)(?:[ab]+|(?~|)c+)', 'abcc', ['a', 'b', 'cc']],
    ['(?~|\\n)[^x]+', 'ab\ncd\n', ['ab', '\n', 'cd', '\n']],
    ['(?~)', 'ab', ['a', 'b']],
    ['(?~||a)', 'ab', ['ab']],
    ['(?~|a|)b', 'ab b', ['a', 'b', ' ', 'b']],
    ['(?~|a|b|c)', 'abc', ['a', 'b', 'c']],
    ['(?~|(?i)a|b)\\w', 'xxb', ['x', 'x', 'b']],
    ['(?<=(?~x)a)b', 'xab aab', ['xa', 'b', ' aa', 'b']],
    ['(?~(a)\\1)b', 'abaab', ['ab', 'a', 'ab']],
    ['(?i)(?~ß)!', 'ass! sS!', ['as', 's!', ' s', 'S!']],
    ['(?~|a)*b', 'bab', ['b', 'a', 'b']],
    ['(?=(?~|b)a*)[ab]+', 'aab', ['aa', 'b']],
    ['(?~|é😀)[^x]+', 'aé😀é', ['a', 'é', '😀é']],
    ['(?~|\\Gb).', 'bb', ['b', 'b']],
    ['(?~a){2}b', 'bcb', ['bcb']],
  ],
  properties: [
    ['\\p{InBasicLatin}+', mixed, ['é', '-', 'Ａ', '_1', '²¼ªº·', '$+;!', '١αЖ中ᾀ\u0345Ⓐ\u094d\u200d⁀']],
    ['\\p{In_Latin-1 Supplement}+', mixed, ['é', '-Ａ_1', '²¼ªº·', '$+;!١αЖ中ᾀ\u0345Ⓐ\u094d\u200d⁀']],
    ['\\P{in cjk unified ideographs}+', mixed, ['é-Ａ_1²¼ªº·$+;!١αЖ', '中', 'ᾀ\u0345Ⓐ\u094d\u200d⁀']],
    ['\\p{^InGreekandCoptic}+', mixed, ['é-Ａ_1²¼ªº·$+;!١', 'α', 'Ж中ᾀ\u0345Ⓐ\u094d\u200d⁀']],
    ['[\\p{InGreekExtended}\\p{InCyrillic}]+', mixed, ['é-Ａ_1²¼ªº·$+;!١α', 'Ж', '中', 'ᾀ', '\u0345Ⓐ\u094d\u200d⁀']],
    ['[^\\p{InBasicLatin}]+', mixed, ['é', '-', 'Ａ', '_1', '²¼ªº·', '$+;!', '١αЖ中ᾀ\u0345Ⓐ\u094d\u200d⁀']],
    ['[\\p{InBasicLatin}&&\\p{Letter}]+', 'ab1 é', ['ab', '1 é']],
    ['(?i)\\p{InHalfwidthandFullwidthForms}+', 'Aa Ａａ', ['Aa ', 'Ａａ']],
    ['\\p{InNoBlock}+', 'a\u2fe0\u{1018f}\u{2fe00}b', ['a', '\u2fe0', '\u{1018f}', '\u{2fe00}', 'b']],
    ['\\p{Uppercase letter}+', 'aBÉc', ['a', 'BÉ', 'c']],
    ['\\p{decimalnumber}+', mixed, ['é-Ａ_', '1', '²¼ªº·$+;!', '١', 'αЖ中ᾀ\u0345Ⓐ\u094d\u200d⁀']],
    ['\\p{olditalic}+', 'a\u{10300}b', ['a', '\u{10300}', 'b']],
    ['\\p{WHITE-SPACE}+', 'a b\u3000c', ['a', ' ', 'b', '\u3000', 'c']],
    ['\\p{Hyphen}+', 'a-b‐－', ['a', '-', 'b', '‐－']],
    ['\\p{Other_Alphabetic}+', mixed, ['é-Ａ_1²¼ªº·$+;!١αЖ中ᾀ', '\u0345Ⓐ', '\u094d\u200d⁀']],
    ['\\p{otherlowercase}+', mixed, ['é-Ａ_1²¼', 'ªº', '·$+;!١αЖ中ᾀ', '\u0345', 'Ⓐ\u094d\u200d⁀']],
    ['\\P{OtherUppercase}+', mixed, ['é-Ａ_1²¼ªº·$+;!١αЖ中ᾀ\u0345', 'Ⓐ', '\u094d\u200d⁀']],
    ['[\\p{Other_Math}]+', 'a^b∑ϐ', ['a', '^', 'b∑', 'ϐ']],
    ['[^\\p{othermath}x]+', 'a^xϐb', ['a', '^xϐ', 'b']],
    ['\\p{posixpunct}+', mixed, ['é', '-', 'Ａ', '_', '1²¼ªº', '·$+;!', '١αЖ中ᾀ\u0345', 'Ⓐ', '\u094d\u200d', '⁀']],
    ['[\\p{word}]+', mixed, ['é', '-', 'Ａ_1', '²¼', 'ªº', '·$+;!', '١αЖ中ᾀ\u0345Ⓐ\u094d', '\u200d', '⁀']],
    ['\\p{word}+', mixed, ['é', '-', 'Ａ_1²¼ªº', '·$+;!', '١αЖ中ᾀ\u0345Ⓐ\u094d', '\u200d', '⁀']],
    ['(?P)\\p{lower}\\p{lowercase}?', 'aéb', ['aé', 'b']],
    ['(?P)\\p{posixpunct}+', '+·!', ['+', '·', '!']],
    ['\\p{graphemelink}', '\u0915\u094d\u0915', ['\u0915', '\u094d', '\u0915']],
    ['\\p{IDSUnaryOperator}', 'a\u2ffe', ['a', '\u2ffe']],
    ['\\p{inscriptionalpahlavi}', 'a\u{10b60}', ['a', '\u{10b60}']],
    ['\\p{tulutigalari}', 'ab', ['ab']],
  ],
  conditions: [
    ['(a)?(?(1)b|c)', 'ab c b', ['ab', ' ', 'c', ' b']],
    ['(?<n>a)?(?(<n>)b|c)', 'ab c b', ['ab', ' ', 'c', ' b']],
    ["(?<n>a)?(?('n')b|c)", 'ab c b', ['ab', ' ', 'c', ' b']],
    ['(a)?(?(-1)b|c)', 'ab c', ['ab', ' ', 'c']],
    ['(?:(?(+1)b|c)(a))+', 'caba', ['caba']],
    ['(a)?(?(1)b)', 'ab a b', ['ab', ' ', 'a', ' ', 'b']],
    ['(a)?(?(1)|c)d', 'ad cd d', ['ad', ' ', 'cd', ' d']],
    ['(a)?(?(1))b', 'ab b', ['ab', ' b']],
    ['(?(a)b|c)', 'ab ac c', ['ab', ' a', 'c', ' ', 'c']],
    ['(?(a)b|c|d)', 'abd c', ['ab', 'd', ' ', 'c']],
    ['(?(a|ab)b|c)', 'abb ac', ['ab', 'b a', 'c']],
    ['(?(name)x|y)', 'namex y', ['namex', ' ', 'y']],
    ['(?(1a)b|c)', '1ab c', ['1ab', ' ', 'c']],
    ['(a)?(?(<1>)(?i)b|c)', 'aBac', ['aB', 'ac']],
    ['(?<n>a)|(?<n>b)(?(<n>)c|d)', 'bc a bd', ['bc', ' ', 'a', ' bd']],
    ['(?()a|b)', 'ab', ['a', 'b']],
    ['(\\()?[^()]+(?(1)\\))', '(a) b (c d) e', ['(a)', ' b ', '(c d)', ' e']],
  ],
  'calls of groups, and references into them': [
    ['(?<p>\\((?:[^()]|\\g<p>)*\\))', 'f(a(b)c) )(', ['f', '(a(b)c)', ' )(']],
    ['\\((?:[^()]|\\g<0>)*\\)', 'f(a(b)c) )(', ['f', '(a(b)c)', ' )(']],
    ["(a|b)\\g<1>\\g'1'", 'abba', ['abb', 'a']],
    ['\\g<+1>(a|b)', 'ab ba', ['ab', ' ', 'ba']],
    ['(a)(b)\\g<-1>', 'abb ab', ['abb', ' ab']],
    ['(?<d>\\d){0}\\g<d>-\\g<d>', '1-2 3', ['1-2', ' 3']],
    ['(?i:(a))\\g<1>', 'aA aa', ['aA', ' ', 'aa']],
    ['(?<n>a|b)\\g<n>\\k<n>', 'abb aba', ['abb', ' aba']],
    ['\\A(?<a>|.|(?:(?<b>.)\\g<a>\\k<b>))\\z', 'reviver', ['reviver']],
    ['\\A(?<a>|.|(?:(?<b>.)\\g<a>\\k<b+0>))\\z', 'reviver', ['reviver']],
    ['\\A(?<a>|.|(?:(?<b>.)\\g<a>\\k<b+0>))\\z', 'reer', ['reer']],
    ['\\A(?<a>|.|(?:(?<b>.)\\g<a>\\k<b+0>))\\z', 'reed', ['reed']],
    ['(?<x><(?<t>\\w+)>(?:\\w|\\g<x>)*</\\k<t+0>>)', '<a>1<b>2</b></a><a></b>', ['<a>1<b>2</b></a>', '<a></b>']],
    ['(a\\g<1>?b)', 'aabb ab aab', ['aabb', ' ', 'ab', ' a', 'ab']],
    [
      '(a\\g<1>?)',
      'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      ['aaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaa', 'aaaaa'],
    ],
    ['(?:(x)|y)(?<![a-z]{2})\\g<1>?', 'x yx', ['x', ' ', 'yx']],
    ['(a(?>\\g<1>?)b)', 'aabb', ['aabb']],
    ['((?=a\\g<1>?b)[ab])+', 'aabb', ['aa', 'bb']],
    ['(?<n>a)(b)\\g<n>', 'aba', ['aba']],
    ['(?:(a)|b\\g<1>(?(1)c|d))', 'bac bad', ['bac', ' b', 'a', 'd']],
    ['(a)(?(1+0)b|c)', 'ab', ['ab']],
    ['(?<n>(?:(x)|y)\\g<n>?\\k<n+1>?)', 'xyxy', ['xyxy']],
    ['\\kx\\gy', 'kxgy', ['kxgy']],
  ],
  'options for classes of ASCII': [
    ['(?W)\\w+', 'aé_1²b', ['a', 'é', '_1', '²', 'b']],
    ['(?W:\\W)\\w', 'éé', ['éé']],
    ['(?D)\\d+', '1٣2', ['1', '٣', '2']],
    ['(?S)\\s+', 'a \u00a0\u2003\tb', ['a', ' ', '\u00a0\u2003', '\t', 'b']],
    ['(?P)[[:alpha:]]+', 'aéb', ['a', 'é', 'b']],
    ['(?P)\\w+|\\s', 'aé 1\u00a0', ['a', 'é', ' ', '1', '\u00a0']],
    ['(?P:[[:^alpha:]])', 'aé1', ['a', 'é', '1']],
    ['(?P)\\p{Alpha}', 'éa', ['é', 'a']],
    ['(?P)\\p{L}', 'éa', ['é', 'a']],
    ['(?W)\\p{Word}', 'éa', ['é', 'a']],
    ['(?D)\\p{^Digit}', '٣1', ['٣', '1']],
    ['(?W)\\b', 'aéa', ['a', 'é', 'a']],
    ['(?W)\\B', 'aéa', ['aéa']],
    ['(?iW-m:K\\w.)', 'kKa\n kaé', ['kKa', '\n ', 'kaé']],
    ['(?W)[\\w-]+(?-W:\\w)', 'a-éé', ['a-é', 'é']],
    ['(?W-W)\\w', 'é', ['é']],
    ['(?P)(?-P)\\w', 'é', ['é']],
    ['(?PW-P)\\w', 'éa', ['é', 'a']],
    ['(?-)a', 'a', ['a']],
    ['(?i--i-)a', 'aA', ['a', 'A']],
    ['(?y{g})\\X', 'e\u0301x', ['e\u0301', 'x']],
    ['(?iy{g}W:\\w)\\X', 'Ae\u0301', ['Ae\u0301']],
    ['(?i)(?W)[\\w]', 'ſKé', ['ſ', 'K', 'é']],
    ['(?S)[^\\s]', '\u00a0 ', ['\u00a0', ' ']],
    ['(?D)[\\d٤]', '٣٤1', ['٣', '٤', '1']],
  ],
  'what is kept on the way, and names': [
    ['(?:(?>(a))b|a\\1?c)', 'ac ab', ['ac', ' ', 'ab']],
    ['a(?=b\\K)', 'abab', ['a', 'ba', 'b']],
    ['(?:(a|b\\1))+', 'aba', ['a', 'b', 'a']],
    ['(?<é>x)\\k<é>', 'xx', ['xx']],
    ['(?<a-b>x)', 'x', ['x']],
    ['a{,2}b', 'aaab', ['a', 'aab']],
    ['\\\\(?<n>a)(b)\\k<n>', '\\aba', ['\\aba']],
    ['[(?<n]a(b)\\1', '<abb', ['<abb']],
  ],
};

for (const [name, cases] of Object.entries(groups)) {
  describe(name, () => {
    it.each(cases)('%j splits %j', (pattern, text, pieces) => {
      const split = splitPattern(pattern).split(AlignedText.of(text));
      expect(split.map((piece) => piece.text)).toEqual(pieces);
    });
  });
}

describe('what the library refuses', () => {
  const refused = [
    '(?(1)a|b)',
    '(?<n>a)(?(1)a|b)',
    '(?(a))',
    '(?(?=a)b|c)',
    '(?(<n>)a)(?<n>b)',
    '(a)(?(0)b)',
    '(a)(?(1',
    '(?~a',
    '(?~|a',
    '(?<=(?~|x)a)',
    '(?<!(?~|))a',
    '\\g<0>a',
    '(a\\g<1>)',
    '(a|\\g<1>b)',
    '(\\g<1>*a)',
    '((?=\\g<1>)a)',
    '(a?\\g<1>?b)',
    '(?<n>a)\\g<1>',
    '(?<n>a)\\g<0>?',
    '\\g<n>',
    '\\g<2>(a)',
    '(?<n>a)(?<n>b)\\g<n>',
    '\\g<+0>(a)',
    '\\g<-2>a',
    '\\g<a',
    '(a)\\k<0>',
    '(a)\\k<-0>',
    '\\k<n>(?<n>a)',
    '(?<n>a)\\k<1+0>',
    '(?)a',
    '(?a)',
    '(?u)',
    '(?s)a',
    '(?q)a',
    '(?P<n>a)',
    '(?-y{g})a',
    '(?<1a>x)',
    '(?<>x)',
    '(?<=a(?=b))c',
    '(?<=a\\z)b',
    '(?<!(a))b',
    '(?<=(?<!b)a)b',
    '(?:^|a)*b',
    '\\k<a',
  ];

  it.each(refused)('%s', (pattern) => {
    let error: unknown;
    try {
      compilePattern(pattern);
    } catch (cause) {
      error = cause;
    }
    expect(error).toBeInstanceOf(TokenizerError);
    expect((error as TokenizerError).code).toBe('invalid_file');
  });
});

describe('what there is not', () => {
  it.each(['(*FAIL)', '(?{x})a', '(?I)a', '(?C)(a)', '(?L)a|ab', '(?y{w})\\X', '\\p{InThailand}', '\\p{Age=5.0}'])(
    '%s',
    (pattern) => {
      expect(() => compilePattern(pattern)).toThrow(/is not supported/);
    },
  );
});

describe('without an end', () => {
  const deep = '('.repeat(50_000);

  it('calls within calls end where Oniguruma ends them, atomic ones and those in look-around too', () => {
    for (const call of [
      '\\((?:[^()]|\\g<0>)*\\)',
      '(\\((?>\\g<1>?)\\))',
      '(\\((?=\\g<1>?).)',
      '(?~|(\\(\\g<1>?x))\\(*',
    ])
      expect(compilePattern(call).matches(deep).length).toBeGreaterThanOrEqual(0);
  });

  it('what takes too long stops with the error of the step limit', () => {
    for (const [pattern, text] of [
      ['(a\\g<1>?\\g<1>?)+$', `${'a'.repeat(60)}b`],
      ['(?~$)+s', 'a'.repeat(60)],
      ['(?:(?(a|b)a|b)|aa)+$', `${'a'.repeat(60)}b`],
      ['((a\\g<2>*)*b)*c', 'a'.repeat(60)],
    ] as const)
      expect(() => compilePattern(pattern).matches(text)).toThrow(/takes too many steps/);
  });

  it('many groups that call each other are read in no time', () => {
    const groups = Array.from({ length: 60 }, (_, i) => `(?<n${i}>a|b\\g<n${(i + 1) % 60}>\\g<n${(i + 2) % 60}>)`);
    expect(compilePattern(groups.join('')).matches('a'.repeat(60))).toEqual([0, 60]);
  });

  it('a limit is looked for once where only the text says where it is', () => {
    const text = 'word '.repeat(20_000);
    expect(compilePattern('(?~|<|\\w+)').matches(text)).toHaveLength(2 * 20_000);
  });
});
