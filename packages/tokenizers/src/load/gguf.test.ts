import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors';
import { compileCharacterMap } from '../normalizers/charsmap.test-support';
import { byteAlphabet } from '../text/byte-alphabet';
import { tokenizerFromGguf } from './gguf';
import { namedPreTokenizers, preTokenizerName } from './gguf-pre';

const gpt2Tokens = [...byteAlphabet, 'he', 'Ġhe', 'Ġ1', '<|end|>', '<user>'];
const gpt2 = {
  'general.architecture': 'llama',
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'gpt-2',
  'tokenizer.ggml.tokens': gpt2Tokens,
  'tokenizer.ggml.token_type': Int32Array.from(gpt2Tokens, (t) => (t === '<|end|>' ? 3 : t === '<user>' ? 4 : 1)),
  'tokenizer.ggml.merges': ['h e', 'Ġ he', 'Ġ 1'],
  'tokenizer.ggml.eos_token_id': 259,
};
const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
const llamaTokens = ['<unk>', '<s>', '</s>', ...bytes, '▁', 'a', 'b', '▁a', 'ab', '▁ab', '  '];
const llama = {
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.tokens': llamaTokens,
  'tokenizer.ggml.scores': Float32Array.from(llamaTokens, (t) => (t === '▁ab' ? -2 : t.length > 1 ? -1 : -9)),
  'tokenizer.ggml.token_type': llamaTokens.map((t, i) =>
    i === 0 ? 2 : i < 3 ? 3 : t.startsWith('<0x') ? 6 : t === '  ' ? 4 : 1,
  ),
};

describe('tokenizerFromGguf', () => {
  it('reads byte-level BPE', () => {
    const tokenizer = tokenizerFromGguf(gpt2);
    expect(tokenizer.encode('he he 1<|end|><user>').tokens).toEqual(['he', 'Ġhe', 'Ġ1', '<|end|>', '<user>']);
    expect(tokenizer.decode([256, 259, 260])).toBe('he<user>');
    const added = tokenizerFromGguf({
      ...gpt2,
      'tokenizer.ggml.add_eos_token': true,
      'tokenizer.ggml.add_bos_token': false,
    });
    expect(added.encodeIds('he')).toEqual([256, 259]);
  });

  it('splits as the name of the pre-tokenizer says', () => {
    const words = (pre: string, text: string) =>
      tokenizerFromGguf({ ...gpt2, 'tokenizer.ggml.pre': pre, 'tokenizer.ggml.add_bos_token': false }).encode(text)
        .wordIds;
    expect(words('gpt-2', '12 34')).toEqual([0, 0, 1, 1, 1]);
    expect(words('smollm', '12 34')).toEqual([0, 1, 2, 3, 4]);
    expect(words('llama-bpe', '1234')).toEqual([0, 0, 0, 1]);
    expect(words('qwen2', '1234')).toEqual([0, 1, 2, 3]);
    expect(words('tekken', 'aB')).toEqual([0, 1]);
    expect(words('superbpe', '12345')).toEqual([0, 0, 1, 1, 1]);
    expect(words('tiny_aya', '12345')).toEqual([0, 0, 1, 1, 1]);
    expect(words('afmoe', '1234567')).toEqual([0, 1, 1, 1, 2, 2, 2]);
    expect(words('kimi-k2', 'a日')).toEqual([0, 1, 1, 1]);
  });

  it('knows every name, and writes the same ones back', () => {
    for (const [name, { raw, ignoreMerges = false, steps, normalizer = null }] of Object.entries(namedPreTokenizers)) {
      const tokenizer = tokenizerFromGguf({
        ...gpt2,
        'tokenizer.ggml.pre': name,
        'tokenizer.ggml.add_bos_token': false,
        'tokenizer.ggml.add_sep_token': false,
      });
      if (raw) continue;
      const text = "Hé, it's 12345 日本語 カナ  x\n\n  don'T\t...한 <|end|>";
      const ids = tokenizer.encodeIds(text);
      expect([name, tokenizer.decode(ids, { skipSpecialTokens: false })]).toEqual([name, text]);
      expect([name, [...tokenizer.encode(text, { padding: {} }).ids]]).toEqual([name, ids]);
      const same = preTokenizerName({ type: 'Sequence', pretokenizers: steps }, ignoreMerges, normalizer);
      if (name !== 'default') expect(namedPreTokenizers[same ?? '']?.steps).toEqual(steps);
    }
  });

  it('puts the beginning before texts of Gemma 4 whatever the file says, as llama.cpp does', () => {
    const merges = ['h e'];
    const tokens = (['gpt2', 'gemma4'] as const).flatMap((model) =>
      ['gemma4', 'granite-embed-multi-311m'].map((pre) => {
        const said = {
          'tokenizer.ggml.model': model,
          'tokenizer.ggml.pre': pre,
          'tokenizer.ggml.add_bos_token': false,
        };
        const base = { ...gpt2, ...said, 'tokenizer.ggml.merges': merges };
        expect(tokenizerFromGguf(base).encode('he').tokens).toEqual(['he']);
        return tokenizerFromGguf({ ...base, 'tokenizer.ggml.bos_token_id': 259 }).encode('he').tokens;
      }),
    );
    expect(tokens).toEqual(Array.from({ length: 4 }, () => ['<|end|>', 'he']));
  });

  it('reads SentencePiece BPE, with the prefix space and byte fallback', () => {
    const tokenizer = tokenizerFromGguf(llama);
    expect(tokenizer.encode('ab a').tokens).toEqual(['<s>', '▁ab', '▁a']);
    expect(tokenizer.encode('x  a').tokens).toEqual(['<s>', '▁', '<0x78>', '  ', '▁a']);
    expect(tokenizer.decode(tokenizer.encodeIds('ab é'))).toBe('ab é');
    const bare = tokenizerFromGguf({
      ...llama,
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.add_space_prefix': false,
    });
    expect(bare.encode('ab a').tokens).toEqual(['ab', '▁a']);
    // The spelling of a control token is text where special tokens are not allowed.
    expect(bare.encodeIds('<s>', { allowedSpecial: 'none' })).toEqual([0x3c, 0x73, 0x3e].map((b) => 3 + b));
  });

  it('reads Unigram with its map of characters', () => {
    const tokens = ['<pad>', '</s>', '<unk>', '▁', 'a', 'b', '▁a', 'X', '[user]'];
    const t5 = tokenizerFromGguf({
      'tokenizer.ggml.model': 't5',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.scores': [0, 0, 0, -2, -2, -2, -3, -2, 0],
      'tokenizer.ggml.token_type': [3, 3, 2, 1, 1, 1, 1, 1, 4],
      'tokenizer.ggml.add_space_prefix': true,
      'tokenizer.ggml.remove_extra_whitespaces': true,
      'tokenizer.ggml.precompiled_charsmap': compileCharacterMap({ Ⅹ: 'X' }),
    });
    expect(t5.encode(' a  bⅩ[user]z').tokens).toEqual(['▁a', '▁', 'b', 'X', '[user]', '▁', 'z', '</s>']);
    expect(t5.decode(t5.encodeIds('a b'))).toBe('a b');
  });

  it('reads WordPiece', () => {
    const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '▁un', 'like', '▁un_', '▁,'];
    const bert = tokenizerFromGguf({
      'tokenizer.ggml.model': 'bert',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': [3, 3, 3, 3, 1, 1, 1, 1],
      'tokenizer.ggml.bos_token_id': 2,
      'tokenizer.ggml.seperator_token_id': 3n,
      'tokenizer.ggml.unknown_token_id': 1,
    });
    expect(bert.encode('UNlike, x', { pair: 'un' }).tokens).toEqual([
      '[CLS]',
      'un',
      '##like',
      ',',
      '[UNK]',
      '[SEP]',
      'un',
      '[SEP]',
    ]);
    expect(bert.decode(bert.encodeIds('unlike'))).toBe('unlike');
  });
});

describe('malformed metadata', () => {
  it('is refused with the key', () => {
    const wrong =
      (more: object, base: object = gpt2) =>
      () =>
        tokenizerFromGguf({ ...base, ...more });
    expect(wrong({ 'tokenizer.ggml.model': 'rwkv' })).toThrow(
      /\[gguf\] tokenizer\.ggml\.model: expected one of gpt2, .* got "rwkv"/,
    );
    expect(wrong({ 'tokenizer.ggml.model': 'toString' })).toThrow(/expected one of/);
    expect(() => tokenizerFromGguf({})).toThrow(/tokenizer\.ggml\.model/);
    expect(wrong({ 'tokenizer.ggml.pre': 'constructor' })).toThrow(
      /tokenizer\.ggml\.pre: expected one of default, gpt-2/,
    );
    expect(wrong({ 'tokenizer.ggml.tokens': undefined })).toThrow(/tokenizer\.ggml\.tokens: expected a list of tokens/);
    expect(wrong({ 'tokenizer.ggml.tokens': ['a', 3] })).toThrow(
      /tokenizer\.ggml\.tokens\[1\]: expected a string, got 3/,
    );
    expect(wrong({ 'tokenizer.ggml.tokens': [...gpt2Tokens.slice(1), 'he'] })).toThrow(
      /tokens\[260\]: expected another token than \[255\], got "he"/,
    );
    expect(wrong({ 'tokenizer.ggml.token_type': [1] })).toThrow(/token_type: expected 261 numbers, got "1"/);
    expect(wrong({ 'tokenizer.ggml.merges': ['h e', 'h z'] })).toThrow(
      /merges\[1\]: expected tokens of the vocabulary, got "h z", where "hz" is absent/,
    );
    expect(wrong({ 'tokenizer.ggml.merges': ['he'] })).toThrow(/merges\[0\]: expected two tokens/);
    expect(wrong({ 'tokenizer.ggml.merges': undefined })).toThrow(/merges: expected a list of merges/);
    expect(wrong({ 'tokenizer.ggml.eos_token_id': 999, 'tokenizer.ggml.add_eos_token': true })).toThrow(
      /eos_token_id: expected an id below 261, got 999/,
    );
    expect(wrong({ 'tokenizer.ggml.eos_token_id': undefined, 'tokenizer.ggml.add_eos_token': true })).toThrow(
      /eos_token_id: expected an id, as tokenizer\.ggml\.add_eos_token is true/,
    );
    expect(wrong({ 'tokenizer.ggml.add_eos_token': 'yes' })).toThrow(/add_eos_token: expected true or false/);
    // Types count also where nothing is done with them yet.
    const types = Array.from({ length: 261 }, (_, id) => (id === 7 ? 9 : 1));
    expect(wrong({ 'tokenizer.ggml.token_type': types })).toThrow(
      /token_type\[7\]: expected a whole number from 0 to 6, got 9/,
    );
    expect(
      wrong(
        { 'tokenizer.ggml.scores': [Number.NaN] },
        { ...llama, 'tokenizer.ggml.tokens': ['<unk>'], 'tokenizer.ggml.token_type': [2] },
      ),
    ).toThrow(/scores\[0\]: expected a finite number/);
    expect(() => tokenizerFromGguf([] as never)).toThrow(/metadata: expected an object/);
  });

  it('causes typed errors whatever is in it', () => {
    const value = fc.oneof(
      fc.anything({ maxDepth: 1 }),
      fc.constantFrom('gpt2', 'llama', 't5', 'bert', 'gpt-2', true, ['a'], [1, 2]),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(gpt2).concat(Object.keys(llama))),
        value,
        fc.boolean(),
        (key, given, first) => {
          try {
            tokenizerFromGguf({ ...(first ? gpt2 : llama), [key]: given }).encodeIds('he a');
          } catch (error) {
            expect(error).toBeInstanceOf(TokenizerError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
