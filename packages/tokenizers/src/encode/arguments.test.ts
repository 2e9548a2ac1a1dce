import { describe, expect, it } from 'vitest';
import { Tokenizer, TokenizerError } from '../index';

const tokenizer = Tokenizer.fromJSON({
  model: { type: 'WordLevel', unk_token: '?', vocab: { '?': 0, a: 1, b: 2 } },
  added_tokens: [{ id: 3, content: '<s>', special: true, normalized: false }],
});
const failure = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    return error instanceof TokenizerError ? `${error.code}: ${error.message}` : String(error);
  }
  return 'no error';
};

describe('arguments', () => {
  it.each([
    [5, 'text: expected a text or a list of words, got 5'],
    [null, 'text: expected a text or a list of words, got null'],
    [undefined, 'text: expected a text or a list of words, got undefined'],
    [{}, 'text: expected a text or a list of words, got Object'],
    [new Uint8Array(1), 'text: expected a text or a list of words, got Uint8Array'],
    [['a', 5], 'text[1]: expected a word, got 5'],
    [new Array(1), 'text[0]: expected a word, got undefined'],
  ])('a text can not be %j', (text, message) => {
    expect(failure(() => tokenizer.encode(text as string))).toBe(`invalid_argument: [encode] ${message}`);
    if (text !== undefined) {
      const pair = message.replace('text', 'pair');
      expect(failure(() => tokenizer.encode('a', { pair: text as string }))).toBe(`invalid_argument: [encode] ${pair}`);
    }
    expect(failure(() => tokenizer.encodeIds(text as string))).toMatch(
      /^invalid_argument: \[encode\] text: expected a text/,
    );
  });

  it('options are an object', () => {
    for (const call of [
      () => tokenizer.encode('a', null as never),
      () => tokenizer.encodeIds('a', 5 as never),
      () => tokenizer.encodeBatch(['a'], 'x' as never),
    ])
      expect(failure(call)).toMatch(/^invalid_argument: .*options: expected an object, got/);
  });

  it.each([
    [{ allowedSpecial: 'ALL' }, `allowedSpecial: expected 'all', 'none', { outside } or a list of tokens, got "ALL"`],
    [{ allowedSpecial: null }, /allowedSpecial: expected .* got null/],
    [{ allowedSpecial: {} }, /allowedSpecial: expected .* got Object/],
    [{ allowedSpecial: ['<s>', 3] }, 'allowedSpecial[1]: expected a token, got 3'],
    [{ allowedSpecial: { outside: 'a' } }, 'allowedSpecial.outside: expected a list of stretches, got "a"'],
    [{ allowedSpecial: { outside: [5] } }, /allowedSpecial\.outside\[0\]: expected \[start, end\) of at least 0/],
    [{ allowedSpecial: { outside: [[3, 1]] } }, /allowedSpecial\.outside\[0\]: .*got Array/],
    // Out of order, the second one would be overlooked.
    [
      {
        allowedSpecial: {
          outside: [
            [4, 6],
            [0, 3],
          ],
        },
      },
      /allowedSpecial\.outside\[1\]: .* of at least 6/,
    ],
    [{ disallowedSpecial: 'some' }, `disallowedSpecial: expected 'all', 'none' or a list of tokens, got "some"`],
    [{ disallowedSpecial: { outside: [] } }, /disallowedSpecial: expected/],
    [{ disallowedSpecial: [null] }, 'disallowedSpecial[0]: expected a token, got null'],
  ])('%j does not say which special tokens there may be', (options, message) => {
    const matching = typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message);
    for (const call of [
      () => tokenizer.encodeIds('a', options as object),
      () => tokenizer.encode('a', options as object),
      () => tokenizer.encode('a', { ...(options as object), pair: ['b'] }),
      () => tokenizer.encodeBatch(['a'], { ...(options as object), padding: {} }),
    ]) {
      expect(failure(call)).toEqual(matching);
      expect(failure(call)).toMatch(/^invalid_argument/);
    }
  });

  it('special tokens may be a set', () => {
    const allowed = (list: string[]) => tokenizer.encodeIds('<s>', { allowedSpecial: new Set(list) as never });
    expect([allowed(['<s>']), allowed([])]).toEqual([[3], [0]]);
  });

  it('a batch is a list of texts, with as many second ones', () => {
    expect(failure(() => tokenizer.encodeBatch('ab' as never))).toMatch(/\[encodeBatch\] texts: expected a list/);
    expect(failure(() => tokenizer.encodeBatch(['a', 'b'], { pairs: 'ab' as never }))).toMatch(
      /pairs: expected a list/,
    );
  });

  it('the error of a batch names the text', () => {
    const at = 'text 1 of the batch:';
    for (const padding of [null, {}]) {
      expect(failure(() => tokenizer.encodeBatch(['a', '\ud800'], { padding }))).toMatch(
        `invalid_text: [encode] ${at} expected well-formed text, got a lone surrogate at place 0;`,
      );
      expect(failure(() => tokenizer.encodeBatch(new Array(2).fill('a', 0, 1), { padding }))).toMatch(
        `invalid_argument: [encode] ${at} text: expected a text or a list of words, got undefined`,
      );
      const truncation = { maxLength: 1, strategy: 'only_second' } as const;
      expect(failure(() => tokenizer.encodeBatch(['a', ['a', 'b']], { padding, truncation }))).toMatch(
        `invalid_argument: [truncation] ${at} expected a second text`,
      );
      // Of one text there is nothing to tell.
      expect(failure(() => tokenizer.encodeBatch(['\ud800'], { padding }))).toMatch('[encode] expected well-formed');
    }
  });
});
