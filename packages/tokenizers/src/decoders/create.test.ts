import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteAlphabet } from '../text/byte-alphabet';
import { createDecoder } from './create';

const marks = { type: 'Replace', pattern: { String: '▁' }, content: ' ' };
const llama = {
  type: 'Sequence',
  decoders: [marks, { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }],
};
/** What Hugging Face's library (0.23) makes of some tokens. */
const expected: readonly (readonly [Record<string, unknown>, readonly string[], string])[] = [
  [
    { type: 'WordPiece', prefix: '##', cleanup: true },
    ['un', '##like', '##ly', 'do', 'not', ',', 'n', "'t"],
    "unlikely do not, n 't",
  ],
  [{ type: 'WordPiece', prefix: '', cleanup: false }, ['a', 'b', '##c'], 'ab##c'],
  [{ type: 'BPEDecoder', suffix: '</w>' }, ['ab', 'c</w>', 'd</w>'], 'abc d'],
  [
    { type: 'CTC', pad_token: '<pad>', word_delimiter_token: '|', cleanup: true },
    ['<pad>', 'h', 'h', 'e', '|', '|', 'l', '<pad>', 'l', 'o'],
    'he llo',
  ],
  [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }, ['▁Hey', '▁my', '▁▁x'], 'Hey my  x'],
  [
    { type: 'ByteFallback' },
    ['a', '<0xE6>', '<0x97>', '<0xA5>', '<0xE6>', 'b', '<0xFF>'],
    'a\ufffd\ufffd\ufffd\ufffdb\ufffd',
  ],
  [
    { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    ['Ġhe', 'Ã', '©', 'Ã'],
    ' heé\ufffd',
  ],
  [{ type: 'Strip', content: 'H', start: 1, stop: 0 }, ['Hey', 'HHi'], 'eyHi'],
  [{ type: 'Strip', content: '😀', start: 1, stop: 1 }, ['ab😀', '😀😀a'], 'ab😀a'],
  [{ type: 'BPEDecoder', suffix: '' }, ['ab😀', '😀😀a'], ' a b 😀 😀😀a'],
  [{ type: 'CTC', pad_token: '', word_delimiter_token: '', cleanup: true }, ['ab😀'], ' a b 😀 '],
  [{ type: 'Replace', pattern: { String: '' }, content: '_' }, ['ab😀'], '_a_b_😀_'],
  [llama, ['▁▁a', '<0xC3>', '<0xA9>', '▁b'], ' aé b'],
];

describe('createDecoder', () => {
  for (const [config, tokens, text] of expected) {
    it(`${config.type} gives what Hugging Face's library gives`, () => {
      const decoder = createDecoder(config);
      expect(decoder.decode(tokens).join('')).toBe(text);
      expect(createDecoder(decoder.toJSON()).decode(tokens).join('')).toBe(text);
    });
  }

  const configs = [
    ...expected.map(([config]) => config),
    { type: 'Fuse' },
    marks,
    { type: 'Replace', pattern: { Regex: 'a+b' }, content: 'x' },
    { type: 'Strip', content: ' ', start: 2, stop: 1 },
    { type: 'WordPiece', prefix: '', cleanup: false },
    { type: 'Sequence', decoders: [{ type: 'Fuse' }, { type: 'Replace', pattern: { String: 'ab' }, content: '' }] },
    { type: 'Sequence', decoders: [{ type: 'ByteLevel' }, { type: 'Strip', content: 'a', start: 1, stop: 1 }] },
    { type: 'Sequence', decoders: [{ type: 'Fuse' }, { type: 'Metaspace', replacement: '▁' }, { type: 'WordPiece' }] },
  ];
  const token = fc.oneof(
    fc.constantFrom(
      '▁',
      '▁a',
      'b',
      '##c',
      '</w>',
      'd</w>',
      '<pad>',
      '|',
      '<0xE6>',
      '<0x97>',
      '<0xA5>',
      'H',
      ' ',
      "n't",
      'ab',
      'a',
    ),
    fc.string({ unit: fc.constantFrom(...byteAlphabet), maxLength: 3 }),
    fc.string({ unit: 'binary', maxLength: 2 }),
  );
  it('streams what it decodes whole, whatever the tokens', () => {
    for (const config of configs) {
      fc.assert(
        fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
          const decoder = createDecoder(config);
          const stream = decoder.stream(false);
          const parts = tokens.flatMap((t) => stream.push(t));
          expect([...parts, ...stream.end()].join('')).toBe(decoder.decode(tokens).join(''));
        }),
        { numRuns: 150 },
      );
    }
  });

  // As Hugging Face tokenizers 0.23.3.
  it('replaces nothing in an empty token', () => {
    const dash = (pattern: unknown) => ({ type: 'Replace', pattern, content: '-' });
    const text = (config: unknown, tokens: string[]) => createDecoder(config).decode(tokens).join('');
    expect(text(dash({ Regex: '^$' }), ['', 'a', ''])).toBe('a');
    expect(text(dash({ Regex: '$' }), ['', 'a', ''])).toBe('a-');
    expect(text(dash({ String: '' }), ['', 'a', ''])).toBe('-a-');
    const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
    expect(text({ type: 'Sequence', decoders: [strip, dash({ Regex: '^' })] }, [' ', 'a'])).toBe('-a');
    expect(text({ type: 'Sequence', decoders: [{ type: 'Fuse' }, dash({ Regex: '$' })] }, [''])).toBe('');
  });

  it('writes the settings of ByteLevel that it read, and no others', () => {
    const all = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    expect(createDecoder({ type: 'ByteLevel', add_prefix_space: false, extra: 1 }).toJSON()).toEqual(all);
    expect(() => createDecoder({ type: 'ByteLevel', use_regex: 'yes' })).toThrow(
      /decoder\.use_regex: expected true or/,
    );
  });

  it('names the component that is unknown or malformed', () => {
    for (const replacement of ['', '▁▁'])
      expect(() => createDecoder({ type: 'Metaspace', replacement })).toThrow(
        /decoder\.replacement: expected one character/,
      );
    expect(() => createDecoder({ type: 'Sequence', decoders: [{ type: 'Fuse' }, { type: 'X' }] })).toThrow(
      /decoder\.decoders\[1\]\.type: expected one of/,
    );
    expect(() => createDecoder({ type: 'Strip', content: 'ab' })).toThrow(/decoder\.content: expected one character/);
    expect(() => createDecoder({ type: 'Strip', content: 'a', start: -1 })).toThrow(/decoder\.start/);
  });
});
