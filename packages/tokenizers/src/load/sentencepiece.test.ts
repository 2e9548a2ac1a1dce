import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors';
import { compileCharacterMap } from '../normalizers/charsmap.test-support';
import { Tokenizer } from '../tokenizer';
import { tokenizerFromSentencePiece } from './sentencepiece';
import { readSentencePieceModel } from './sentencepiece-model';

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]);
const bytesField = (number: number, bytes: ArrayLike<number>) => [
  ...varint(number * 8 + 2),
  ...varint(bytes.length),
  ...Array.from(bytes),
];
const intField = (number: number, value: number) => [...varint(number * 8), ...varint(value)];
const floatField = (number: number, value: number) => [
  ...varint(number * 8 + 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];
const utf8 = (text: string) => new TextEncoder().encode(text);

/** A model file of some pieces. */
function modelFile(
  pieces: readonly (readonly [string, number, number?])[],
  settings: { readonly type?: number; readonly trainer?: number[]; readonly normalizer?: number[] } = {},
): Uint8Array {
  const { type = 1, trainer = [], normalizer = [] } = settings;
  return Uint8Array.from([
    ...pieces.flatMap(([piece, score, kind = 1]) =>
      bytesField(1, [...bytesField(1, utf8(piece)), ...floatField(2, score), ...intField(3, kind)]),
    ),
    ...bytesField(2, [...intField(3, type), ...trainer]),
    ...bytesField(3, normalizer),
  ]);
}

/** Pieces of all bytes. */
const bytes = Array.from(
  { length: 256 },
  (_, b) => [`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`, 0, 6] as const,
);

const base = [
  ['<unk>', 0, 2],
  ['<s>', 0, 3],
  ['</s>', 0, 3],
  ['▁', -2],
  ['a', -2],
  ['b', -2.5],
  ['▁a', -3],
  ['ab', -3],
  ['▁ab', -3.5],
] as const;

describe('tokenizerFromSentencePiece', () => {
  for (const type of [1, 2]) {
    it(`encodes and decodes with a model of type ${type}`, () => {
      const tokenizer = tokenizerFromSentencePiece(modelFile(base, { type }));
      const { ids, tokens } = tokenizer.encode('ab  a', { allowedSpecial: 'none' });
      expect(tokens).toEqual(['▁ab', '▁a']);
      expect([...ids]).toEqual([8, 6]);
      expect(tokenizer.decode(ids)).toBe('ab a');
      expect(tokenizer.decode(tokenizer.encodeIds('azb'))).toBe('a ⁇ b');
    });
  }

  it('takes bytes as files and fetch give them', () => {
    const file = modelFile(base);
    const shifted = new DataView(Uint8Array.of(7, ...file, 7).buffer, 1, file.length);
    for (const data of [file.slice().buffer, shifted, Buffer.from(file)])
      expect(tokenizerFromSentencePiece(data as ArrayBuffer).encodeIds('ab a')).toEqual([8, 6]);
    for (const [given, options, got] of [
      ['m.model', {}, 'file: expected the bytes of a .model file, got "m.model"'],
      [null, {}, 'file: expected the bytes of a .model file, got null'],
      [[1, 2], {}, 'file: expected the bytes of a .model file, got Array'],
      [file, null, 'options: expected an object, got null'],
    ] as const)
      expect(() => tokenizerFromSentencePiece(given as never, options as never)).toThrow(
        expect.objectContaining({ code: 'invalid_argument', message: `[sentencepiece] ${got}` }),
      );
  });

  it('finds special pieces in text only if allowed, and adds them if asked', () => {
    const file = modelFile([...base, ['<', -9], ['s', -9], ['>', -9]]);
    const tokenizer = tokenizerFromSentencePiece(file, { addBos: true, addEos: true });
    expect(tokenizer.encodeIds('a<s>')).toEqual([1, 6, 1, 2]);
    expect(tokenizer.encodeIds('a<s>', { addSpecialTokens: false, allowedSpecial: 'none' })).toEqual([6, 9, 10, 11]);
    expect(tokenizer.decode([1, 6, 2])).toBe('a');
    expect(tokenizer.decode([1, 6, 2], { skipSpecialTokens: false })).toBe('<s> a</s>');
  });

  it('knows the beginning and the end by their pieces, as the library does, not by the ids of the trainer', () => {
    const settings = [...intField(41, 4), ...intField(42, 5)];
    const encode = (pieces: Parameters<typeof modelFile>[0], trainer: number[]) =>
      tokenizerFromSentencePiece(modelFile(pieces, { trainer }), { addBos: true, addEos: true }).encodeIds('ab');
    expect(encode(base, settings)).toEqual([1, 8, 2]);
    expect(encode(base, [...settings, ...bytesField(46, []), ...bytesField(47, utf8('<end>'))])).toEqual([1, 8]);
    const named = [...bytesField(46, utf8('[CLS]')), ...bytesField(47, utf8('[SEP]'))];
    expect(encode([...base, ['[SEP]', 0, 3], ['[CLS]', 0, 3]], named)).toEqual([10, 8, 9]);
    // Only control pieces are one.
    expect(encode(base, bytesField(46, utf8('a')))).toEqual([8, 2]);
  });

  it('follows the settings of the normaliser', () => {
    const plain = [...intField(3, 0), ...intField(4, 0)];
    const tokenizer = tokenizerFromSentencePiece(modelFile(base, { normalizer: plain }));
    expect(tokenizer.encode('a  b').tokens).toEqual(['a', '▁', '▁', 'b']);
    const suffix = tokenizerFromSentencePiece(modelFile(base, { trainer: intField(24, 1) }));
    expect(suffix.encode('a b').tokens).toEqual(['a', '▁', 'b', '▁']);
  });

  it('falls back to bytes', () => {
    for (const type of [1, 2]) {
      const tokenizer = tokenizerFromSentencePiece(modelFile([...base, ...bytes], { type, trainer: intField(35, 1) }));
      const ids = tokenizer.encodeIds('a日');
      expect(ids.slice(1)).toEqual([0xe6, 0x97, 0xa5].map((b) => base.length + b));
      expect(tokenizer.decode(ids)).toBe('a日');
      // The spelling of a byte piece is text like any other.
      expect(tokenizer.encodeIds('<0x41>', { allowedSpecial: 'none' })).toContain(base.length + 0x3c);
    }
  });

  it('is written as a tokenizer.json that does the same on plain text', () => {
    const tokenizer = tokenizerFromSentencePiece(modelFile(base));
    const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'z') }), (text) => {
        expect(again.encodeIds(text)).toEqual(tokenizer.encodeIds(text));
      }),
    );
  });
});

// Pieces, ids and decoded texts are those of sentencepiece 0.2.3 on the same files.
describe('word and character models', () => {
  const specials = base.slice(0, 3);
  const characters = [
    ...specials,
    ['▁', -1],
    ['a', -2],
    ['b', -2],
    ['ab', 0, 4],
    ['abc', 0, 4],
    ['@', 0, 3],
    ['z', -3, 5],
  ] as const;
  const words = [...specials, ['▁the', -1], ['▁a', -2], ['▁', -3], ['the', -4], ['▁no', 0, 5], ['▁a▁b', 0, 4]] as const;
  const plain = { normalizer: [...intField(3, 0), ...intField(4, 0)] };
  const suffix = { trainer: intField(24, 1) };
  const withBytes = { trainer: intField(35, 1) };
  const unsaid = {};

  it.each([
    ['abcb  ab', unsaid, '▁ abc b ▁ ab', [3, 7, 5, 3, 6], 'abcb ab'],
    ['<s>q', unsaid, '▁ <s>q', [3, 0], ' ⁇ '],
    ['a@@z q', unsaid, '▁ a @@z ▁ q', [3, 4, 0, 3, 0], 'a ⁇   ⁇ '],
    ['cabd', unsaid, '▁ c ab d', [3, 0, 6, 0], ' ⁇ ab ⁇ '],
    ['日本', unsaid, '▁ 日本', [3, 0], ' ⁇ '],
    ['  abca ', plain, '▁ ▁ abc a ▁', [3, 3, 7, 4, 3], '  abca '],
    ['<unk>', plain, '<unk>', [0], ' ⁇ '],
    [' a b', suffix, 'a ▁ b ▁', [4, 3, 5, 3], 'a b '],
    ['a@é', withBytes, '▁ a <0x40> <0xC3> <0xA9>', [3, 4, 74, 205, 179], 'a@é'],
  ] as const)('cuts %j into characters', (text, settings, tokens, ids, decoded) => {
    const pieces = settings === withBytes ? [...characters, ...bytes] : characters;
    const tokenizer = tokenizerFromSentencePiece(modelFile(pieces, { type: 4, ...settings }));
    const made = tokenizer.encode(text, { allowedSpecial: 'none' });
    expect([made.tokens.join(' '), [...made.ids], tokenizer.decode(ids)]).toEqual([tokens, ids, decoded]);
  });

  it.each([
    ['the a the', unsaid, '▁the ▁a ▁the', [3, 4, 3], 'the a the'],
    ['the new  cat a b', unsaid, '▁the ▁new▁cat ▁a ▁b', [3, 0, 4, 0], 'the ⁇  a ⁇ '],
    ['no <s> <unk> a', unsaid, '▁no▁<s>▁<unk> ▁a', [0, 4], ' ⁇  a'],
    ['the▁a', unsaid, '▁the ▁a', [3, 4], 'the a'],
    ['', unsaid, '', [], ''],
    ['the the  a ', plain, 'the ▁the ▁ ▁a ▁', [6, 3, 5, 4, 5], 'the the  a '],
    ['x y the', plain, 'x▁y ▁the', [0, 3], ' ⁇  the'],
    ['the a ', suffix, 'the ▁a ▁', [6, 4, 5], 'the a '],
    ['a é', withBytes, '▁a <0xE2> <0x96> <0x81> <0xC3> <0xA9>', [4, 235, 159, 138, 204, 178], 'a▁é'],
  ] as const)('cuts %j into words', (text, settings, tokens, ids, decoded) => {
    const pieces = settings === withBytes ? [...words, ...bytes] : words;
    const tokenizer = tokenizerFromSentencePiece(modelFile(pieces, { type: 3, ...settings }));
    const made = tokenizer.encode(text, { allowedSpecial: 'none' });
    expect([made.tokens.join(' '), [...made.ids], tokenizer.decode(ids)]).toEqual([tokens, ids, decoded]);
  });

  it('give every piece its place in the text', () => {
    const tokenizer = tokenizerFromSentencePiece(modelFile(words, { type: 3 }));
    expect(tokenizer.encode('the  new cat a').offsets).toEqual([
      [0, 3],
      [3, 12],
      [12, 14],
    ]);
  });

  it('are written as a tokenizer.json that does the same but for unknown words side by side', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'ab', ' ', 'q', 'the', ' the') });
    for (const [type, pieces] of [
      [3, words.slice(0, 7)],
      [4, characters.slice(0, 9)],
    ] as const) {
      const tokenizer = tokenizerFromSentencePiece(modelFile(pieces, { type }));
      const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
      fc.assert(
        fc.property(text, (one) => {
          const ids = again.encodeIds(one);
          const joined = type === 4 ? ids : ids.filter((id, i) => id !== 0 || ids[i - 1] !== 0);
          expect(joined).toEqual(tokenizer.encodeIds(one));
        }),
      );
    }
  });
});

describe('malformed model files', () => {
  it('are refused with the field', () => {
    expect(() => readSentencePieceModel(new Uint8Array(0))).toThrow(
      /\[sentencepiece\] pieces: expected a SentencePiece model/,
    );
    expect(() => readSentencePieceModel(utf8('not a model at all'))).toThrow(TokenizerError);
    expect(() => readSentencePieceModel(modelFile([['a', 0]]))).toThrow(/pieces: expected one of the type unknown/);
    expect(() => readSentencePieceModel(modelFile([['', 0, 2]]))).toThrow(/pieces\[0\]\.piece/);
    expect(() => readSentencePieceModel(modelFile([...base, ['x', 0, 9]]))).toThrow(
      /pieces\[9\]\.type: expected a number from 1 to 6, got 9/,
    );
    expect(() => readSentencePieceModel(modelFile([...base, ['x', Number.NaN]]))).toThrow(/pieces\[9\]\.score/);
    expect(() => readSentencePieceModel(modelFile(base, { type: 5 }))).toThrow(
      /model_type: expected a number from 1 to 4, got 5/,
    );
    const map = bytesField(2, [9, 9, 9]);
    expect(() => tokenizerFromSentencePiece(modelFile(base, { normalizer: map }))).toThrow(
      /normalizer_spec\.precompiled_charsmap: expected a map of characters/,
    );
    expect(() => readSentencePieceModel(modelFile([...base, ['a', 0]]))).toThrow(
      /pieces\[9\]\.piece: expected another one than that of pieces\[4\], got a/,
    );
  });

  it('are refused for damaged maps of characters, as the sentencepiece library (0.2.3) refuses them', () => {
    const map = compileCharacterMap({ Ⅹ: 'X', ﬁ: 'fi' });
    const read = (change: (map: Uint8Array, units: DataView) => unknown) => () => {
      const changed = map.slice();
      const cut = change(changed, new DataView(changed.buffer));
      const given = cut instanceof Uint8Array ? cut : changed;
      return tokenizerFromSentencePiece(modelFile(base, { normalizer: bytesField(2, given) }));
    };
    expect(read(() => undefined)().encodeIds('a')).toEqual([6]);
    const texts = map.length - 4 - new DataView(map.buffer).getUint32(0, true);
    const atEnd = (unit: number) => {
      // Unit 0 is the root; the first that holds the place of a text leads to X.
      for (let at = 4; ; at += 4) if (new DataView(map.buffer).getUint32(at, true) === unit) return at;
    };
    for (const [change, message] of [
      [(changed: Uint8Array) => changed.subarray(0, map.length - texts), /a multiple of 1024 bytes, and texts/],
      [(_: Uint8Array, view: DataView) => view.setUint32(0, 1025, true), /a multiple of 1024 bytes/],
      [(changed: Uint8Array) => changed.fill(0x61, -1), /texts that end with a zero, got 97 at the end/],
      [(_: Uint8Array, view: DataView) => view.setUint32(4, 0x80000000, true), /a root, got 0x80000000/],
      [(_: Uint8Array, view: DataView) => view.setUint32(4, (0x1fffff << 10) >>> 0, true), /branches below \d+/],
      [(_: Uint8Array, view: DataView) => view.setUint32(atEnd(0x80000000), 0xffffffff, true), /places of texts below/],
      [(_: Uint8Array, view: DataView) => view.setUint32(atEnd(0x80000000), 0, true), /a text for each end, got none/],
    ] as const)
      expect(read(change as never)).toThrow(
        expect.objectContaining({ code: 'invalid_file', message: expect.stringMatching(message) }),
      );
  });

  it('are refused where a field is written as another type', () => {
    const refused = (settings: Parameters<typeof modelFile>[1], message: RegExp) =>
      expect(() => readSentencePieceModel(modelFile(base, settings))).toThrow(message);
    refused({ normalizer: bytesField(3, []) }, /normalizer_spec\.add_dummy_prefix: expected a varint \(wire type 0\)/);
    refused({ normalizer: intField(2, 1) }, /precompiled_charsmap: expected a length and bytes .*, got a varint/);
    refused({ trainer: floatField(35, 1) }, /trainer_spec\.byte_fallback: expected a varint .*, got 32 bits/);
    refused({ trainer: intField(46, 1) }, /trainer_spec\.bos_piece: expected a length and bytes/);
    const piece = bytesField(1, [...bytesField(1, utf8('x')), ...intField(2, 1)]);
    expect(() => readSentencePieceModel(Uint8Array.from(piece))).toThrow(/pieces\[0\]\.score: expected 32 bits/);
    expect(() => readSentencePieceModel(Uint8Array.from(intField(1, 1)))).toThrow(/pieces\[0\]: expected a length/);
  });

  it('are refused for types as the sentencepiece library (0.2.3) refuses them', () => {
    const read = (pieces: Parameters<typeof modelFile>[0], byteFallback: number) => () =>
      readSentencePieceModel(modelFile(pieces, { trainer: intField(35, byteFallback) }));
    expect(read([...base, ['<other>', 0, 2]], 0)).toThrow(
      /pieces\[9\]\.type: expected one piece of the type unknown, which is pieces\[0\], got another one, <other>/,
    );
    expect(read([...base, ...bytes.slice(1)], 1)).toThrow(
      /pieces: expected a byte piece for each byte, .* got none for <0x00>/,
    );
    expect(read(base, 1)).toThrow(/none for <0x00>/);
    expect(read([...base, ...bytes, ['<0xZZ>', 0, 6]], 1)).toThrow(
      /pieces\[265\]\.piece: expected a byte piece from <0x00> to <0xFF>, got <0xZZ>/,
    );
    expect(read([...base, ...bytes.slice(0, 255), ['<0xff>', 0, 6]], 1)).toThrow(/got <0xff>/);
    expect(read([...base, ...bytes], 0)).toThrow(
      /pieces\[9\]\.type: expected no byte piece, as trainer_spec\.byte_fallback is false, got 6 for <0x00>/,
    );
    expect(read([...base, ...bytes], 1)().pieces).toHaveLength(265);
  });

  it('cause typed errors wherever they are cut or changed', () => {
    const file = modelFile(base, { normalizer: intField(3, 1) });
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const changed = cut ? file.slice(0, at) : file.slice();
        if (!cut) changed[at] = byte;
        try {
          tokenizerFromSentencePiece(changed).encodeIds('a b');
        } catch (error) {
          expect(error).toBeInstanceOf(TokenizerError);
        }
      }),
      { numRuns: 400 },
    );
  });
});
