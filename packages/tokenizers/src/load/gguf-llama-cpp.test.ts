import { describe, expect, it } from 'vitest';
import { byteAlphabet } from '../text/byte-alphabet';
import type { Tokenizer } from '../tokenizer';
import { tokenizerFromGguf } from './gguf';

/** Ids as llama.cpp (v0.5.0) gives them for files with this metadata, but where a test says otherwise. */
const key = (name: string) => `tokenizer.ggml.${name}`;
const metadata = (values: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name.includes('.') ? name : key(name), value]));
const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
const plain = (tokenizer: Tokenizer, text: string, allowedSpecial: 'all' | 'none' = 'all') =>
  tokenizer.encodeIds(text, { addSpecialTokens: false, allowedSpecial });

const bpeTokens = [...byteAlphabet, 'he', '<s>', '</s>', '<mask>', '[MASK]', '<|im_end|>', '<|end|>'];
const bpe = (values: Record<string, unknown>, types: Record<string, number> = {}) =>
  tokenizerFromGguf(
    metadata({
      model: 'gpt2',
      pre: 'gpt-2',
      tokens: bpeTokens,
      token_type: bpeTokens.map((token) => types[token] ?? (/^(?:<s>|<\/s>|<mask>|\[MASK\])$/.test(token) ? 3 : 1)),
      merges: ['h e'],
      bos_token_id: 257,
      eos_token_id: 258,
      ...values,
    }),
  );

const llamaTokens = [
  '<unk>',
  '<s>',
  '</s>',
  ...bytes,
  '▁',
  'a',
  'b',
  '▁a',
  'ab',
  '▁ab',
  '\n',
  '▁▁',
  '▁▁▁',
  '<|user|>',
  '<|endoftext|>',
];
const llama = (values: Record<string, unknown>, types: Record<string, number> = {}) =>
  tokenizerFromGguf(
    metadata({
      model: 'llama',
      tokens: llamaTokens,
      token_type: llamaTokens.map(
        (token, id) => types[token] ?? (id === 0 ? 2 : id < 3 ? 3 : bytes.includes(token) ? 6 : 1),
      ),
      scores: llamaTokens.map((token, id) => (id < 259 ? 0 : -token.length)),
      bos_token_id: 1,
      eos_token_id: 2,
      unknown_token_id: 0,
      ...values,
    }),
  );

describe('what is put around a text', () => {
  it('has one token at the end where a file says yes to the end and to a separator', () => {
    const both = { add_bos_token: true, add_eos_token: true, add_sep_token: true, seperator_token_id: 258 };
    for (const pre of ['roberta-bpe', 'jina-v2-code', 'gpt-2'])
      expect(bpe({ pre, ...both }).encodeIds('he')).toEqual([257, 256, 258]);
    expect(bpe({ pre: 'roberta-bpe', seperator_token_id: 258 }).encodeIds('he')).toEqual([256]);
    expect(llama({ ...both, seperator_token_id: 2 }).encodeIds('a')).toEqual([1, 262, 2]);
    const t5 = metadata({
      model: 't5',
      tokens: ['<s>', '<pad>', '</s>', '<unk>', '▁a'],
      token_type: [3, 3, 3, 2, 1],
      scores: [0, 0, 0, 0, -1],
      bos_token_id: 0,
      eos_token_id: 2,
      unknown_token_id: 3,
      add_space_prefix: true,
      ...both,
      seperator_token_id: 2,
    });
    expect(tokenizerFromGguf(t5).encodeIds('a')).toEqual([0, 4, 2]);
    // As XLM-RoBERTa's tokenizer.json has it, and llama.cpp's server for rerankers.
    expect([...tokenizerFromGguf(t5).encode('a', { pair: 'a' }).ids]).toEqual([0, 4, 2, 2, 4, 2]);
    expect([...tokenizerFromGguf({ ...t5, [key('add_sep_token')]: false }).encode('a', { pair: 'a' }).ids]).toEqual([
      0, 4, 2, 0, 4, 2,
    ]);
  });

  it('has one separator with WordPiece, whichever of the two the file says yes to', () => {
    const bert = metadata({
      model: 'bert',
      tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '▁a'],
      token_type: [3, 3, 3, 3, 1],
      bos_token_id: 2,
      seperator_token_id: 3,
      unknown_token_id: 1,
    });
    const flags = [
      {},
      { add_bos_token: true, add_eos_token: true },
      { add_bos_token: true, add_eos_token: true, eos_token_id: 3 },
      { add_bos_token: true, add_eos_token: true, add_sep_token: false, eos_token_id: 3 },
      { add_bos_token: true, add_eos_token: true, add_sep_token: true, eos_token_id: 3 },
    ];
    for (const more of flags)
      expect(tokenizerFromGguf({ ...bert, ...metadata(more) }).encodeIds('a')).toEqual([2, 4, 3]);
  });
});

describe('kinds of tokens', () => {
  it('makes control tokens of markers, which messages must not bring in', () => {
    for (const type of [1, 4, 5]) {
      const tokenizer = bpe({}, { '<|im_end|>': type });
      expect(plain(tokenizer, 'he<|im_end|>')).toEqual([256, 261]);
      expect(plain(tokenizer, 'he<|im_end|>', 'none')).toHaveLength(11);
      expect(tokenizer.decode([256, 261])).toBe('he');
    }
    expect(plain(llama({}, { '</s>': 4 }), 'ab</s>')).toEqual([264, 2]);
    expect(plain(llama({}, { '</s>': 4 }), 'ab</s>', 'none')).toHaveLength(5);
    expect(plain(llama({}, { '</s>': 1 }), 'ab</s>')).toEqual([264, 2]);
  });

  it("leaves markers to the model that it makes of text, as Qwen's published tokenizer does with </s>", () => {
    const tokens = [...bpeTokens, '</', 's>'];
    const values = { tokens, token_type: tokens.map(() => 1), merges: ['< /', 's >', '</ s>'] };
    expect(bpe(values).encode('</s>').tokens).toEqual(['</', 's', '>']);
  });

  it('merges to user-defined tokens that are spelled with marks', () => {
    const tokenizer = llama({}, { '▁▁▁': 4 });
    expect(plain(tokenizer, '  a')).toEqual([266, 262]);
    expect(plain(tokenizer, '  ')).toEqual([267]);
    expect(plain(tokenizer, '▁▁▁')).toEqual([267]);
  });

  it('falls back to bytes without types', () => {
    const untyped = llama({ token_type: undefined });
    expect(plain(untyped, 'é')).toEqual([259, 3 + 0xc3, 3 + 0xa9]);
  });

  it('takes the mark off user-defined and unused tokens of WordPiece', () => {
    const bert = tokenizerFromGguf(
      metadata({
        model: 'bert',
        tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '▁a', '▁foo', '▁[PAD6]', '[u]'],
        token_type: [3, 3, 3, 3, 1, 4, 5, 4],
        bos_token_id: 2,
        seperator_token_id: 3,
        unknown_token_id: 1,
      }),
    );
    expect(plain(bert, 'foo a [u]')).toEqual([5, 4, 7]);
    expect(bert.idToToken(6)).toBe('[PAD6]');
  });
});

describe('spaces around added tokens', () => {
  it('are taken as the names of models say', () => {
    expect(plain(bpe({ pre: 'jina-v2-es' }), 'he  <mask> he')).toEqual([256, 259, 220, 256]);
    expect(plain(bpe({}), 'he <mask>')).toEqual([256, 220, 259]);
    expect(plain(bpe({ 'general.name': 'My Modern-BERT' }), 'he [MASK]')).toEqual([256, 260]);
    const phi = llama({ 'general.name': 'Phi-3 mini' }, { '<|user|>': 3 });
    expect(plain(phi, '<|user|>\n ab')).toEqual([268, 264]);
    expect(plain(phi, '</s> ab<s> ab<|user|> ')).toEqual([2, 264, 1, 266, 263, 268]);
    expect(plain(llama({}, { '<|user|>': 3 }), '<|user|>\nab')).toEqual([268, 259, 265, 263]);
    // Anything but a text is no name.
    expect(plain(bpe({ 'general.name': 7, 'general.architecture': ['nomic-bert-moe'] }), ' <mask>')).toEqual([
      220, 259,
    ]);
    expect(plain(bpe({ 'general.architecture': 'nomic-bert-moe' }), ' <mask>')).toEqual([259]);
  });
});

describe('BPE over raw text', () => {
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, '▁', 'a', 'b', 'ab', '▁a', '\n', '\n\n', '日', '本', '日本'];
  const raw = (values: Record<string, unknown>) =>
    tokenizerFromGguf(
      metadata({
        model: 'gpt2',
        tokens,
        token_type: tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
        merges: ['a b', '▁ a', '日 本'],
        bos_token_id: 1,
        unknown_token_id: 0,
        ...values,
      }),
    );

  it('takes a run of newlines that is a token whole for Gemma 4', () => {
    expect(plain(raw({ pre: 'gemma4' }), 'a\n\nab\n\n\n')).toEqual([260, 265, 262, 264, 264, 264]);
    expect(plain(raw({ model: 'gemma4', pre: 'x' }), '\n\n a')).toEqual([265, 263]);
    expect(plain(raw({ pre: 'sarvam-moe' }), '\n\n')).toEqual([264, 264]);
    // A tokenizer.json would lose it, and so would the workers of a pool, which get one.
    expect(() => raw({ pre: 'gemma4' }).toJSON()).toThrow(/merges for all tokens of newlines/);
    expect(() => raw({ pre: 'gemma4', merges: ['a b', '\n \n'] }).toJSON()).not.toThrow();
  });

  it('reads words between spaces', () => {
    const words = raw({ model: 'whitespace', pre: 'whitespace' });
    expect(plain(words, ' ab\u3000日本\n\nAb ')).toEqual([262, 268, 3 + 0x41, 261]);
    expect(words.decode([262, 268, 259])).toBe('ab日本▁');
    const lower = raw({ model: 'whitespace', pre: 'whitespace', 'tokenizer.ggml.normalizer.lowercase': true });
    expect(plain(lower, 'AB aB')).toEqual([262, 262]);
  });
});

describe('Unigram', () => {
  const tokens = ['<pad>', '</s>', '<unk>', 'a', 'bc', 'ab'];
  const unigram = (more: readonly (readonly [string, number, number])[]) =>
    tokenizerFromGguf(
      metadata({
        model: 't5',
        tokens: [...tokens, ...more.map(([text]) => text)],
        token_type: [3, 3, 2, 1, 1, 1, ...more.map(([, type]) => type)],
        scores: [0, 0, 0, -13, -13, -2, ...more.map(([, , score]) => score)],
        unknown_token_id: 2,
        eos_token_id: 1,
      }),
    );

  it('lets unknown characters cost ten more than the least normal piece, whatever unused ones score', () => {
    for (const more of [[], [['[PAD6]', 5, -10000]]] as const) expect(plain(unigram(more), 'abc')).toEqual([5, 2]);
  });

  it('finds unused pieces, and none without a type', () => {
    expect(plain(unigram([['abc', 5, -1]]), 'abc')).toEqual([6]);
    expect(plain(unigram([['abc', 0, -1]]), 'abc')).toEqual([5, 2]);
  });
});

describe('the pre-tokenizer', () => {
  it('is the default one for an empty name', () => {
    expect(bpe({ pre: '' }).encode('he1234').wordIds).toEqual(bpe({ pre: 'default' }).encode('he1234').wordIds);
  });
});
