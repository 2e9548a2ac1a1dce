import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tokenizer, createDecoder } from './index';
import { byteAlphabet } from './text/byte-alphabet';

const bytes = Object.fromEntries(byteAlphabet.map((char, i) => [char, i]));
const byteBpe = {
  type: 'BPE',
  vocab: { ...bytes, he: 256, Ġhe: 257, 'Ã©': 258, ll: 259, hell: 260, ĠĠ: 261 },
  merges: [
    ['h', 'e'],
    ['Ġ', 'he'],
    ['Ã', '©'],
    ['l', 'l'],
    ['he', 'll'],
    ['Ġ', 'Ġ'],
  ],
};
const split = (regex: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated' },
    { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
  ],
});
const preTokenizers = [
  { type: 'ByteLevel', add_prefix_space: false },
  split(
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ),
  split('\\p{L}+|\\s'),
  {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { type: 'ByteLevel', add_prefix_space: false },
    ],
  },
];
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc
    .array(
      fc.constantFrom(
        'he',
        'hell',
        ' ',
        '  ',
        '\n',
        'é',
        'e\u0301',
        '👨‍👩‍👧',
        '\u0085',
        '\ufeff',
        '日本',
        '12',
        "'s",
        '\u200d',
      ),
    )
    .map((a) => a.join('')),
);

describe('byte-level BPE over any Unicode', () => {
  for (const pre_tokenizer of preTokenizers) {
    const tokenizer = Tokenizer.fromJSON({ model: byteBpe, pre_tokenizer, decoder: { type: 'ByteLevel' } });
    const name = JSON.stringify(pre_tokenizer).slice(0, 90);

    it(`gives text back, the quick way and the long one alike: ${name}`, () => {
      fc.assert(
        fc.property(anyText, (text) => {
          const ids = tokenizer.encodeIds(text);
          expect(tokenizer.decode(ids)).toBe(text);
          expect([...tokenizer.encode(text, { padding: {} }).ids]).toEqual(ids);
        }),
        { numRuns: 300 },
      );
    });

    it(`has offsets that slice back to the text of each token: ${name}`, () => {
      fc.assert(
        fc.property(anyText, (text) => {
          const { ids, offsets, codePointOffsets } = tokenizer.encode(text);
          const points = [...text];
          let covered = 0;
          ids.forEach((id, i) => {
            const [start, end] = offsets[i] as [number, number];
            const slice = text.slice(start, end);
            expect(points.slice(...(codePointOffsets[i] as [number, number])).join('')).toBe(slice);
            const shown = tokenizer.decode([id]);
            // A token that is part of a character has the whole character's place.
            if (!shown.includes('\ufffd') || slice.includes('\ufffd')) expect(slice).toContain(shown);
            expect(start).toBeLessThanOrEqual(covered);
            covered = Math.max(covered, end);
          });
          expect(covered).toBe(text.length);
        }),
        { numRuns: 300 },
      );
    });
  }
});

describe('streams', () => {
  const decoders = [
    null,
    { type: 'ByteLevel' },
    { type: 'WordPiece', prefix: '##', cleanup: true },
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    { type: 'BPEDecoder', suffix: '</w>' },
    { type: 'CTC' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    { type: 'Strip', content: 'a', start: 1, stop: 1 },
    { type: 'Replace', pattern: { Regex: 'a+' }, content: 'b' },
    {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
  ];
  const names = [
    'a',
    'aa',
    '▁a',
    '##b',
    'c</w>',
    '<pad>',
    '|',
    '<0xE6>',
    '<0x97>',
    '<0xA5>',
    'Ġ',
    'Ã',
    '©',
    ' ',
    "n't",
    '日',
    '<s>',
  ];
  const model = { type: 'WordLevel', unk_token: 'a', vocab: Object.fromEntries(names.map((n, id) => [n, id])) };
  const added_tokens = [{ id: names.length - 1, content: '<s>', special: true, normalized: false }];
  const chunks = fc.array(fc.array(fc.nat(names.length - 1), { maxLength: 4 }), { maxLength: 8 });

  for (const decoder of decoders) {
    it(`give what decode gives, however the ids come: ${JSON.stringify(decoder)}`, () => {
      const tokenizer = Tokenizer.fromJSON({ model, added_tokens, decoder });
      expect(decoder === null || createDecoder(decoder)).toBeTruthy();
      fc.assert(
        fc.property(chunks, fc.boolean(), (parts, skipSpecialTokens) => {
          const stream = tokenizer.decodeStream({ skipSpecialTokens });
          const text = parts.map((ids) => stream.push(ids)).join('') + stream.flush();
          expect(text).toBe(tokenizer.decode(parts.flat(), { skipSpecialTokens }));
        }),
        { numRuns: 200 },
      );
    });
  }
});
