import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPostProcessor } from '../post-processors/create';
import { byteAlphabet } from '../text/byte-alphabet';
import { type Tokenizer, Tokenizer as T } from '../tokenizer';
import { trainBpe } from '../trainers/train-bpe';
import { tokenizerFromGguf } from './gguf';
import { scoresOfMerges } from './merge-scores';
import { spaceRules } from './space-rules';
import { tokenizerToGguf } from './to-gguf';

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'ab', ' ', 'é', '日', '1', '<s>', ',', 'B') });
const same = (tokenizer: Tokenizer, again: Tokenizer) =>
  fc.assert(
    fc.property(text, (source) => {
      expect(again.encodeIds(source)).toEqual(tokenizer.encodeIds(source));
      expect(again.encodeIds(source, { addSpecialTokens: false })).toEqual(
        tokenizer.encodeIds(source, { addSpecialTokens: false }),
      );
    }),
  );
const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
const bos = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
  special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
};
const llama = {
  added_tokens: [special(0, '<unk>'), special(1, '<s>')],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  post_processor: bos,
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    fuse_unk: true,
    byte_fallback: true,
    vocab: Object.fromEntries(['<unk>', '<s>', ...bytes, '▁', 'a', 'b', '▁a', 'ab', '▁ab'].map((t, id) => [t, id])),
    merges: [
      ['▁', 'a'],
      ['a', 'b'],
      ['▁', 'ab'],
      ['▁a', 'b'],
    ],
  },
};

describe('tokenizerToGguf', () => {
  let trained: Tokenizer;
  beforeAll(async () => {
    trained = await trainBpe(['ab ab abc', 'é日 12'], { vocabSize: 270, specialTokens: ['<s>'] });
  });

  it("keeps the separator of RoBERTa's pairs", () => {
    const { parts } = trained;
    const roberta = { type: 'RobertaProcessing', trim_offsets: true, add_prefix_space: false };
    const [cls, sep] = [trained.tokenToId('<s>') as number, trained.tokenToId('a') as number];
    const postProcessor = createPostProcessor({ ...roberta, cls: ['<s>', cls], sep: ['a', sep] });
    const again = tokenizerFromGguf(tokenizerToGguf(new T({ ...parts, postProcessor })));
    const [b] = trained.encodeIds('b');
    expect([...again.encode('b', { pair: 'b' }).ids]).toEqual([cls, b, sep, sep, b, sep]);
    expect(again.encodeIds('b')).toEqual([cls, b, sep]);
  });

  it('writes byte-level BPE under the name of its pre-tokenizer', () => {
    const json = trained.toJSON();
    const gpt2 = T.fromJSON({ ...json, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false } });
    const metadata = tokenizerToGguf(gpt2, { eosToken: '<s>' });
    expect(metadata).toMatchObject({
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.eos_token_id': gpt2.tokenToId('<s>'),
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.add_eos_token': false,
    });
    same(gpt2, tokenizerFromGguf(metadata));
  });

  it('writes SentencePiece BPE with scores that make the same merges', () => {
    const tokenizer = T.fromJSON(llama);
    const metadata = tokenizerToGguf(tokenizer);
    expect(metadata).toMatchObject({
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.add_bos_token': true,
      'tokenizer.ggml.unknown_token_id': 0,
      'tokenizer.ggml.add_space_prefix': true,
    });
    expect(metadata['tokenizer.ggml.scores']).toBeInstanceOf(Float32Array);
    same(tokenizer, tokenizerFromGguf(metadata));
    const again = tokenizerToGguf(tokenizerFromGguf(metadata));
    expect(again).toEqual(metadata);
  });

  it('writes Unigram', () => {
    const tokenizer = T.fromJSON({
      added_tokens: [special(1, '<s>')],
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Metaspace', replacement: '▁' }],
      },
      model: {
        type: 'Unigram',
        unk_id: 0,
        vocab: [
          ['<unk>', -9],
          ['<s>', 0],
          ['▁', -2],
          ['a', -2],
          ['b', -3],
          ['▁ab', -4],
          [',', -3],
        ],
      },
    });
    const metadata = tokenizerToGguf(tokenizer);
    expect(metadata['tokenizer.ggml.model']).toBe('t5');
    expect(tokenizerFromGguf(metadata).encodeIds('ab  a, b')).toEqual(tokenizer.encodeIds('ab  a, b'));
  });

  it('writes WordPiece', () => {
    const tokenizer = T.fromJSON({
      added_tokens: [special(0, '[UNK]'), special(1, '[CLS]'), special(2, '[SEP]')],
      normalizer: { type: 'BertNormalizer' },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: { type: 'BertProcessing', cls: ['[CLS]', 1], sep: ['[SEP]', 2] },
      model: {
        type: 'WordPiece',
        vocab: Object.fromEntries(['[UNK]', '[CLS]', '[SEP]', 'a', '##b', 'b', ','].map((t, id) => [t, id])),
      },
    });
    const metadata = tokenizerToGguf(tokenizer);
    expect(metadata['tokenizer.ggml.tokens']).toEqual(['[UNK]', '[CLS]', '[SEP]', '▁a', 'b', '▁b', '▁,']);
    same(tokenizer, tokenizerFromGguf(metadata));
  });

  it('fills ids that have no token', () => {
    const tokenizer = T.fromJSON({
      model: {
        type: 'BPE',
        vocab: Object.fromEntries([...byteAlphabet.map((c, i) => [c, i]), ['aa', 258]]),
        merges: [['a', 'a']],
      },
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
    });
    const metadata = tokenizerToGguf(tokenizer);
    expect((metadata['tokenizer.ggml.tokens'] as string[]).slice(256)).toEqual(['[PAD256]', '[PAD257]', 'aa']);
    expect([...(metadata['tokenizer.ggml.token_type'] as Int32Array)].slice(256)).toEqual([5, 5, 1]);
  });

  it('refuses what GGUF has no form for', () => {
    const json = trained.toJSON();
    const refused = (config: object) => () => tokenizerToGguf(T.fromJSON({ ...json, ...config }));
    expect(
      refused({
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Split', pattern: { Regex: 'x' }, behavior: 'Isolated' },
            { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
          ],
        },
      }),
    ).toThrow(/no name among those of llama\.cpp; GGUF has no form for it/);
    const twice = { ...bos, single: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }] };
    expect(refused({ post_processor: twice })).toThrow(/twice or not at all/);
    expect(() => tokenizerToGguf(T.fromJSON({ model: { type: 'WordLevel', vocab: { a: 0 } } }))).toThrow(
      /the model WordLevel/,
    );
    expect(() =>
      tokenizerToGguf(
        T.fromJSON({
          ...llama,
          model: {
            ...llama.model,
            merges: [
              ['▁', 'a'],
              ['a', 'b'],
              ['▁a', 'b'],
            ],
          },
        }),
      ),
    ).toThrow(/do not follow from scores/);
    expect(() => tokenizerToGguf(T.fromJSON({ ...llama, normalizer: { type: 'Lowercase' } }))).toThrow(
      /rules for spaces/,
    );
    expect(() => tokenizerToGguf(T.fromJSON(llama), { bosToken: 'nope' })).toThrow(
      /bosToken: expected a token of the vocabulary, got "nope"/,
    );
  });
});

describe('scoresOfMerges', () => {
  it('wants every way to make a token, together', () => {
    const tokens = new Set(['a', 'b', 'c', 'ab', 'bc', 'abc']);
    expect(
      scoresOfMerges(
        [
          ['a', 'b'],
          ['b', 'c'],
          ['ab', 'c'],
          ['a', 'bc'],
        ],
        tokens,
      )?.get('abc'),
    ).toBe(-3);
    expect(
      scoresOfMerges(
        [
          ['a', 'b'],
          ['b', 'c'],
          ['ab', 'c'],
        ],
        tokens,
      ),
    ).toBeNull();
    expect(
      scoresOfMerges(
        [
          ['a', 'b'],
          ['ab', 'c'],
          ['b', 'c'],
          ['a', 'bc'],
        ],
        tokens,
      ),
    ).toBeNull();
    expect(scoresOfMerges([['a', 'b']], new Set(['a', 'b', 'ab', 'c']))?.get('c')).toBe(-2);
  });
});

describe('spaceRules', () => {
  it('reads the forms that converters write', () => {
    expect(spaceRules(T.fromJSON(llama).parts)).toEqual({
      charactersMap: null,
      addDummyPrefix: true,
      removeExtraWhitespaces: false,
    });
    const plain = { ...llama, normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' } };
    expect(spaceRules(T.fromJSON(plain).parts)?.addDummyPrefix).toBe(false);
    expect(spaceRules(T.fromJSON({ ...llama, normalizer: { type: 'NFC' } }).parts)).toBeNull();
    expect(spaceRules(T.fromJSON({ ...llama, normalizer: null }).parts)).toBeNull();
  });
});
