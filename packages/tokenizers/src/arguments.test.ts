import { describe, expect, it } from 'vitest';
import {
  Bpe,
  Tokenizer,
  TokenizerError,
  Unigram,
  WordLevel,
  WordPiece,
  byteToChar,
  metaspace,
  sequence,
  splitPattern,
  templateProcessor,
} from './index';

/** The code of the TokenizerError that fn throws. */
function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    if (error instanceof TokenizerError) return error.code;
    throw error;
  }
  return 'none';
}

describe('components made by hand', () => {
  it.each([-1, 1.5, Number.NaN, 2 ** 24, '0' as unknown as number])('refuse %s as an id', (id) => {
    const vocab = new Map([['a', id]]);
    for (const make of [
      () => new Bpe({ vocab, merges: [] }),
      () => new WordLevel({ vocab }),
      () => new WordPiece({ vocab }),
      () => new Unigram({ pieces: [['a', -1]], unkId: id }),
    ]) {
      expect(codeOf(make)).toBe('invalid_file');
    }
  });

  it('refuse vocabularies that are no maps', () => {
    const vocab = { a: 1 } as unknown as Map<string, number>;
    expect(codeOf(() => new Bpe({ vocab, merges: [] }))).toBe('invalid_file');
    expect(codeOf(() => new WordLevel({ vocab }))).toBe('invalid_file');
  });

  it('refuse scores that are no numbers', () => {
    expect(codeOf(() => new Unigram({ pieces: [['a', Number.NaN]] }))).toBe('invalid_file');
  });

  it('refuse settings that they do not know', () => {
    const never = (value: unknown) => value as never;
    const tokens = new Map([['<s>', { ids: [0], tokens: ['<s>'] }]]);
    for (const make of [
      () => metaspace({ prependScheme: never('x') }),
      () => metaspace({ replacement: '' }),
      () => metaspace({ replacement: '__' }),
      () => splitPattern('-', { behavior: never('x') }),
      () => templateProcessor({ single: [{ sequence: 'B', typeId: 0 }], pair: [], tokens }),
      () => templateProcessor({ single: [{ special: '</s>', typeId: 0 }], pair: [], tokens }),
      () => byteToChar(256),
      () => byteToChar(-1),
      () => sequence(Array(1001).fill(splitPattern('-'))),
    ]) {
      expect(codeOf(make)).toBe('invalid_argument');
    }
  });
});

describe('tokenizers made by hand', () => {
  const model = new WordLevel({
    vocab: new Map([
      ['<unk>', 0],
      ['a', 1],
    ]),
  });
  const withTokens = (...addedTokens: { id: number; content: string }[]) =>
    new Tokenizer({ model, addedTokens: addedTokens.map((token) => ({ ...token, special: true })) });

  it('refuse added tokens that no file could hold', () => {
    for (const make of [
      () => withTokens({ id: 2, content: 'b' }, { id: 2, content: 'c' }),
      () => withTokens({ id: 2, content: 'b' }, { id: 3, content: 'b' }),
      () => withTokens({ id: 2, content: '' }),
      () => withTokens({ id: 2, content: '\ud83d' }),
      () => withTokens({ id: 2, content: 5 as never }),
      () => Tokenizer.fromJSON({ model: model.toJSON(), added_tokens: [{ id: 2, content: '\ud83d', special: true }] }),
    ]) {
      expect(codeOf(make)).toBe('invalid_file');
    }
  });

  it('keep to the options that there were', () => {
    const tokenizer = withTokens({ id: 2, content: '<b>' });
    const allowedSpecial: string[] = [];
    const options = { allowedSpecial };
    const encoding = tokenizer.encode('<b>', options);
    allowedSpecial.push('<b>');
    expect([...encoding.ids]).toEqual([0]);
    expect(encoding.tokens).toEqual(['<unk>']);
    // Looked at again and again, as in a loop over places.
    expect(encoding.offsets).toBe(encoding.offsets);
  });

  it('refuse lists that can be gone through but once', () => {
    const once = (function* () {
      yield '<b>';
    })();
    const tokenizer = withTokens({ id: 2, content: '<b>' });
    const options = { allowedSpecial: 'none', disallowedSpecial: once as never } as const;
    expect(codeOf(() => tokenizer.encodeIds('<b>', options))).toBe('invalid_argument');
  });
});
