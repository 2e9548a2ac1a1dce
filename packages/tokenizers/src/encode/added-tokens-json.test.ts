import { describe, expect, it } from 'vitest';
import type { AddedToken } from './added-tokens';
import { addedTokenToJson, assignedId, readAddedTokens } from './added-tokens-json';

describe('added_tokens of a tokenizer.json', () => {
  const json = {
    id: 1,
    content: '<s>',
    single_word: false,
    lstrip: true,
    rstrip: false,
    normalized: false,
    special: true,
  };

  it('are written as they were read', () => {
    const [token] = readAddedTokens([json], new Map([['<s>', 1]]));
    expect(addedTokenToJson(token as AddedToken)).toEqual(json);
    expect(readAddedTokens(null, new Map())).toEqual([]);
  });

  it("take the ids that Hugging Face's library gives: the model's, else the next", () => {
    expect([assignedId(3, 10, -1), assignedId(undefined, 10, -1), assignedId(undefined, 10, 12)]).toEqual([3, 10, 13]);
    const vocab = new Map([
      ['a', 0],
      ['<s>', 1],
    ]);
    const ids = readAddedTokens(
      [
        { id: 7, content: '<s>' },
        { id: 9, content: '<x>' },
        { id: 3, content: '<y>' },
      ],
      vocab,
    );
    expect(ids.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(
      readAddedTokens(
        [
          { id: 2, content: '' },
          { id: 3, content: '<x>' },
        ],
        vocab,
      ),
    ).toMatchObject([{ id: 2 }]);
    // Unigram counts a piece that is listed twice twice.
    expect(readAddedTokens([{ id: 2, content: '<x>' }], vocab, 5)).toMatchObject([{ id: 5 }]);
  });

  it('name the one that is malformed, out of range or there twice', () => {
    const read =
      (...list: unknown[]) =>
      () =>
        readAddedTokens([json, ...list], new Map());
    expect(read({ id: 2 ** 30, content: 'x' })).toThrow(/added_tokens\[1\]\.id: expected an id of at most/);
    expect(read({ id: -1, content: 'x' })).toThrow(/added_tokens\[1\]\.id/);
    expect(read({ id: 1, content: 'x' })).toThrow(
      /added_tokens\[1\]\.id: expected another one than that of added_tokens\[0\], got 1/,
    );
    expect(read({ id: 2, content: '<s>' })).toThrow(/added_tokens\[1\]\.content: expected another one/);
    expect(read({ id: 2 })).toThrow(/added_tokens\[1\]\.content: expected a string/);
    expect(read(3)).toThrow(/added_tokens\[1\]: expected an object/);
    expect(() => readAddedTokens({}, new Map())).toThrow(/added_tokens: expected a list/);
  });
});
