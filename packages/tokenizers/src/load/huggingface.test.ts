import { describe, expect, it } from 'vitest';
import { ChatTemplate } from '../chat/chat-template';
import { tokenizerFromHuggingFace } from './huggingface';

const tokenizer = {
  added_tokens: [{ id: 0, content: '<s>', special: true, normalized: false }],
  pre_tokenizer: { type: 'WhitespaceSplit' },
  model: { type: 'WordLevel', unk_token: '?', vocab: { '<s>': 0, '?': 1, a: 2 } },
};

describe('tokenizerFromHuggingFace', () => {
  it('names special tokens, from either file and in either layout', () => {
    const made = tokenizerFromHuggingFace({
      tokenizer,
      config: { bos_token: { content: '<s>', lstrip: false }, model_max_length: 512, padding_side: 'left' },
      specialTokensMap: { bos_token: { content: 'a', lstrip: true }, unk_token: '?' },
    });
    expect(made.specialTokens).toEqual({ bos_token: 'a', unk_token: '?' });
    expect([made.modelMaxLength, made.paddingSide, made.truncationSide]).toEqual([512, 'left', 'right']);
    expect(tokenizerFromHuggingFace({ tokenizer, config: { model_max_length: 1e30 } }).modelMaxLength).toBeNull();
    expect(tokenizerFromHuggingFace({ tokenizer }).specialTokens).toEqual({});
  });

  // As transformers 5.24 has them.
  it('reads nothing else where the configuration tells of all added tokens', () => {
    const plain = { ...tokenizer, added_tokens: [...tokenizer.added_tokens, { id: 2, content: 'a', special: false }] };
    const config = { bos_token: 'a', added_tokens_decoder: { '0': { content: '<s>', special: true } } };
    const specialTokensMap = { bos_token: '<s>', pad_token: '<p>', extra_special_tokens: ['<e>'] };
    const made = tokenizerFromHuggingFace({ tokenizer: plain, config, specialTokensMap });
    expect(made.specialTokens).toEqual({ bos_token: 'a' });
    expect(made.tokenizer.encodeIds('a <p> a')).toEqual([2, 1, 2]);
    expect(made.tokenizer.decode([0, 2])).toBe('a');
    const old = tokenizerFromHuggingFace({ tokenizer: plain, config: { bos_token: 'a' } });
    expect(old.tokenizer.decode([0, 2])).toBe('');
  });

  it('adds tokens that only the configuration names, with the ids of the reference', () => {
    const { tokenizer: made } = tokenizerFromHuggingFace({
      tokenizer,
      config: {
        added_tokens_decoder: {
          '4': { content: '<y>', special: false, lstrip: true, normalized: false },
          '3': { content: '<x>', special: true },
          '0': { content: '<s>', special: false, normalized: false },
        },
        pad_token: '<pad>',
        additional_special_tokens: ['<z>'],
      },
    });
    expect(['<s>', '<x>', '<y>', '<pad>', '<z>'].map((t) => made.tokenToId(t))).toEqual([0, 3, 4, 5, 6]);
    expect(made.specialTokens.map(({ content }) => content)).toEqual(['<x>', '<pad>', '<z>']);
    expect(made.encode('a <y>a').tokens).toEqual(['a', ' <y>', 'a']);
  });

  it('makes a token that has a name special, and reads extra ones as transformers does', () => {
    const read = (config: unknown) => {
      const plain = { ...tokenizer, added_tokens: [{ id: 3, content: 'foo', lstrip: true, special: false }] };
      return tokenizerFromHuggingFace({ tokenizer: plain, config });
    };
    const flags = (config: unknown) =>
      (read(config).tokenizer.parts.addedTokens ?? []).map((t) => [
        t.content,
        t.special,
        t.normalized,
        t.lstrip ?? false,
      ]);
    expect(flags({ bos_token: 'foo' })).toEqual([['foo', true, true, true]]);
    expect(flags({})).toEqual([['foo', false, true, true]]);
    const marked = { __type: 'AddedToken', content: '<x>' };
    expect(flags({ extra_special_tokens: [marked] })).toContainEqual(['<x>', false, true, false]);
    expect(flags({ extra_special_tokens: [marked], pad_token: '<x>' })).toContainEqual(['<x>', true, false, false]);
    // The older key of two lists does not count; named ones have their names.
    expect(flags({ extra_special_tokens: ['<x>'], additional_special_tokens: ['<y>'] })).toHaveLength(2);
    expect(read({ image_token: '<i>', extra_special_tokens: { boi_token: '<b>' } }).specialTokens).toEqual({
      image_token: '<i>',
      boi_token: '<b>',
    });
  });

  // As transformers 5.24 has them, ids included.
  it.each([
    [
      {
        bos_token: '<s>',
        foo_token: '<foo>',
        image_token: { __type: 'AddedToken', content: '<img>' },
        extra_special_tokens: { bar: '<bar>', foo_token: '<f2>' },
        model_specific_special_tokens: { video_token: '<vid>' },
      },
      undefined,
      { bos_token: '<s>', image_token: '<img>', foo_token: '<f2>', bar: '<bar>' },
      ['<img>', '<f2>', '<bar>'],
    ],
    [
      {
        image_token: { __type: 'AddedToken', content: '<img>' },
        model_specific_special_tokens: { video_token: '<vid>' },
      },
      undefined,
      { image_token: '<img>', video_token: '<vid>' },
      ['<img>', '<vid>'],
    ],
    [
      {
        bos_token: '<s>',
        image_token: '<img>',
        boi_token: { __type: 'AddedToken', content: '<boi>' },
        extra_special_tokens: ['<e>'],
      },
      {
        bos_token: 'a',
        image_token: { content: '<m1>' },
        boi_token: '<m2>',
        additional_special_tokens: ['<a>'],
      },
      { bos_token: 'a', boi_token: '<m2>', image_token: '<img>' },
      ['a', '<m2>', '<img>', '<e>'],
    ],
  ])('names model-specific tokens, for templates too: %#', (config, specialTokensMap, named, added) => {
    const made = tokenizerFromHuggingFace({ tokenizer, config, specialTokensMap });
    expect(made.specialTokens).toEqual(named);
    expect(made.tokenizer.parts.addedTokens?.slice(1).map(({ content }) => content)).toEqual(added);
    const template = ChatTemplate.fromConfig({ ...config, chat_template: 'x' }, {}, specialTokensMap);
    expect(template?.specialTokens).toEqual(named);
  });

  it('leaves what is put around a text to tokenizer.json, unless the caller says', () => {
    const files = { tokenizer, config: { bos_token: '<s>', eos_token: '<s>', add_bos_token: true } };
    expect(tokenizerFromHuggingFace(files).tokenizer.encodeIds('a')).toEqual([2]);
    expect(tokenizerFromHuggingFace({ ...files, addBos: true }).tokenizer.encodeIds('a')).toEqual([0, 2]);
    expect(tokenizerFromHuggingFace({ ...files, addEos: true }).tokenizer.encodeIds('a')).toEqual([2, 0]);
    expect(() => tokenizerFromHuggingFace({ tokenizer, addBos: true })).toThrow(/bos_token/);
  });

  it('names what is malformed', () => {
    const load = (config: unknown) => () => tokenizerFromHuggingFace({ tokenizer, config });
    expect(load([])).toThrow(/tokenizer_config: expected an object/);
    expect(load({ bos_token: 3 })).toThrow(/tokenizer_config\.bos_token: expected an object, got 3/);
    expect(load({ added_tokens_decoder: { '1': {} } })).toThrow(
      /tokenizer_config\.added_tokens_decoder\.1\.content: expected a string/,
    );
    expect(load({ padding_side: 'up' })).toThrow(/tokenizer_config\.padding_side: expected one of left, right/);
    for (const length of ['x', Number.NaN, -3.5, 2.5, -1, 0, Number.POSITIVE_INFINITY])
      expect(load({ model_max_length: length })).toThrow(/tokenizer_config\.model_max_length: expected a whole number/);
    for (const key of ['x', '-1', '1.5', '', ' 1', '1e3', '99999999999'])
      expect(load({ added_tokens_decoder: { '3': { content: '<x>' }, [key]: { content: '<y>' } } })).toThrow(
        `tokenizer_config.added_tokens_decoder: expected ids from 0 to 16777215 as keys, got "${key}"`,
      );
    for (const files of [null, undefined, 'x', []])
      expect(() => tokenizerFromHuggingFace(files as never)).toThrow(
        expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining('[tokenizer] files:') }),
      );
    expect(load({ additional_special_tokens: 'x' })).toThrow(/additional_special_tokens: expected a list or an object/);
  });
});
