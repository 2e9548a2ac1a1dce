import { describe, expect, it } from 'vitest';
import { createPreTokenizer, splitText } from './create';

const text = "Hey, you—it’s 3,14 don't_do  日本語カナ!!";
type Piece = readonly [string, number, number];
/** What Hugging Face's library (0.23) makes of the text. */
const expected: readonly (readonly [Record<string, unknown>, readonly Piece[]])[] = [
  [
    { type: 'BertPreTokenizer' },
    [
      ['Hey', 0, 3],
      [',', 3, 4],
      ['you', 5, 8],
      ['—', 8, 9],
      ['it', 9, 11],
      ['’', 11, 12],
      ['s', 12, 13],
      ['3', 14, 15],
      [',', 15, 16],
      ['14', 16, 18],
      ['don', 19, 22],
      ["'", 22, 23],
      ['t', 23, 24],
      ['_', 24, 25],
      ['do', 25, 27],
      ['日本語カナ', 29, 34],
      ['!', 34, 35],
      ['!', 35, 36],
    ],
  ],
  [
    { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    [
      ['ĠHey', 0, 3],
      [',', 3, 4],
      ['Ġyou', 4, 8],
      ['âĢĶ', 8, 9],
      ['it', 9, 11],
      ['âĢĻ', 11, 12],
      ['s', 12, 13],
      ['Ġ3', 13, 15],
      [',', 15, 16],
      ['14', 16, 18],
      ['Ġdon', 18, 22],
      ["'t", 22, 24],
      ['_', 24, 25],
      ['do', 25, 27],
      ['Ġ', 27, 28],
      ['ĠæĹ¥æľ¬èªŀãĤ«ãĥĬ', 28, 34],
      ['!!', 34, 36],
    ],
  ],
  [
    { type: 'CharDelimiterSplit', delimiter: 'o' },
    [
      ['Hey, y', 0, 6],
      ['u—it’s 3,14 d', 7, 20],
      ["n't_d", 21, 26],
      ['  日本語カナ!!', 27, 36],
    ],
  ],
  [
    { type: 'Digits', individual_digits: false },
    [
      ['Hey, you—it’s ', 0, 14],
      ['3', 14, 15],
      [',', 15, 16],
      ['14', 16, 18],
      [" don't_do  日本語カナ!!", 18, 36],
    ],
  ],
  [
    { type: 'Digits', individual_digits: true },
    [
      ['Hey, you—it’s ', 0, 14],
      ['3', 14, 15],
      [',', 15, 16],
      ['1', 16, 17],
      ['4', 17, 18],
      [" don't_do  日本語カナ!!", 18, 36],
    ],
  ],
  [
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    [
      ['▁Hey,', 0, 4],
      ['▁you—it’s', 4, 13],
      ['▁3,14', 13, 18],
      ["▁don't_do", 18, 27],
      ['▁', 27, 28],
      ['▁日本語カナ!!', 28, 36],
    ],
  ],
  [
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never', split: false },
    [["Hey,▁you—it’s▁3,14▁don't_do▁▁日本語カナ!!", 0, 36]],
  ],
  [
    { type: 'Punctuation', behavior: 'MergedWithPrevious' },
    [
      ['Hey,', 0, 4],
      [' you—', 4, 9],
      ['it’', 9, 12],
      ['s 3,', 12, 16],
      ["14 don'", 16, 23],
      ['t_', 23, 25],
      ['do  日本語カナ!', 25, 35],
      ['!', 35, 36],
    ],
  ],
  [
    { type: 'UnicodeScripts' },
    [
      ['Hey', 0, 3],
      [', ', 3, 5],
      ['you', 5, 8],
      ['—', 8, 9],
      ['it', 9, 11],
      ['’', 11, 12],
      ['s ', 12, 14],
      ['3,14 ', 14, 19],
      ['don', 19, 22],
      ["'", 22, 23],
      ['t', 23, 24],
      ['_', 24, 25],
      ['do  ', 25, 29],
      ['日本語カナ', 29, 34],
      ['!!', 34, 36],
    ],
  ],
  [
    { type: 'Whitespace' },
    [
      ['Hey', 0, 3],
      [',', 3, 4],
      ['you', 5, 8],
      ['—', 8, 9],
      ['it', 9, 11],
      ['’', 11, 12],
      ['s', 12, 13],
      ['3', 14, 15],
      [',', 15, 16],
      ['14', 16, 18],
      ['don', 19, 22],
      ["'", 22, 23],
      ['t_do', 23, 27],
      ['日本語カナ', 29, 34],
      ['!!', 34, 36],
    ],
  ],
  [
    { type: 'WhitespaceSplit' },
    [
      ['Hey,', 0, 4],
      ['you—it’s', 5, 13],
      ['3,14', 14, 18],
      ["don't_do", 19, 27],
      ['日本語カナ!!', 29, 36],
    ],
  ],
  [
    { type: 'FixedLength', length: 7 },
    [
      ['Hey, yo', 0, 7],
      ['u—it’s ', 7, 14],
      ['3,14 do', 14, 21],
      ["n't_do ", 21, 28],
      [' 日本語カナ!', 28, 35],
      ['!', 35, 36],
    ],
  ],
];

describe('createPreTokenizer', () => {
  for (const [config, pieces] of expected) {
    it(`${JSON.stringify(config)} gives what Hugging Face's library gives`, () => {
      const made = createPreTokenizer(config);
      const split = (p = made) => splitText(p, text).map((piece): Piece => [piece.text, piece.start, piece.end]);
      expect(split()).toEqual(pieces);
      expect(split(createPreTokenizer(made.toJSON()))).toEqual(pieces);
      expect(splitText(made, '')).toEqual([]);
    });
  }

  it('cuts words of any length', () => {
    const made = createPreTokenizer({ type: 'Whitespace' });
    const pieces = splitText(made, `${'é1'.repeat(5_000_000)}${'€!'.repeat(5_000_000)} a`);
    expect(pieces.map(({ start, end }) => [start, end])).toEqual([
      [0, 10_000_000],
      [10_000_000, 20_000_000],
      [20_000_001, 20_000_002],
    ]);
  });

  it('splits the pieces of the one before', () => {
    const made = createPreTokenizer({
      type: 'Sequence',
      pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Digits', individual_digits: true }],
    });
    expect(splitText(made, 'a12 b').map((p) => p.text)).toEqual(['a', '1', '2', 'b']);
  });

  it('names the component that is unknown or malformed', () => {
    const sequence = { type: 'Sequence', pretokenizers: [{ type: 'Whitespace' }, { type: 'Digit' }] };
    expect(() => createPreTokenizer(sequence)).toThrow(/pre_tokenizer\.pretokenizers\[1\]\.type: .* got "Digit"/);
    const behavior = { type: 'Split', pattern: { String: ' ' }, behavior: 'Gone' };
    expect(() => createPreTokenizer(behavior)).toThrow(/pre_tokenizer\.behavior: expected one of Removed/);
    expect(() => createPreTokenizer({ type: 'Metaspace', replacement: 'ab' })).toThrow(
      /replacement: expected one character/,
    );
    expect(() => createPreTokenizer({ type: 'CharDelimiterSplit', delimiter: '' })).toThrow(/one character/);
    expect(() => createPreTokenizer({ type: 'FixedLength', length: 0 })).toThrow(/at least 1/);
    expect(() => createPreTokenizer({ type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' })).toThrow(/"\("/);
  });
});
