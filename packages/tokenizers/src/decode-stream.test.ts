import { describe, expect, it } from 'vitest';
import { Tokenizer } from './index';

const words = { type: 'WordLevel', unk_token: '?', vocab: { '?': 0, a: 1, b: 2, '<s>': 3 } };
const added = [{ id: 3, content: '<s>', special: true, normalized: false }];

describe('DecodeStream', () => {
  it('takes one id or several, and begins anew after the end', () => {
    const stream = Tokenizer.fromJSON({ model: words, added_tokens: added }).decodeStream();
    expect([stream.push(1), stream.push([3, 2]), stream.flush()]).toEqual(['a', ' b', '']);
    expect(stream.push(2)).toBe('b');
  });

  it('shows special tokens if asked', () => {
    const stream = Tokenizer.fromJSON({ model: words, added_tokens: added }).decodeStream({ skipSpecialTokens: false });
    expect(stream.push([3, 1])).toBe('<s> a');
  });

  it('refuses ids outside the vocabulary', () => {
    const tokenizer = Tokenizer.fromJSON({ model: words });
    for (const id of [-1, 4, 1.5, Number.NaN, 2 ** 40]) {
      expect(() => tokenizer.decodeStream().push(id)).toThrow(
        /\[decode\] expected ids from 0 to 3 of this tokenizer, got/,
      );
      expect(() => tokenizer.decode([1, id])).toThrow(/\[decode\] expected ids/);
    }
  });

  it('refuses what is no id, or no list of them', () => {
    const tokenizer = Tokenizer.fromJSON({ model: words });
    const stream = tokenizer.decodeStream();
    for (const id of ['1', 'length', null, 1n, [1]] as never[]) {
      expect(() => tokenizer.decode([1, id])).toThrow(/expected ids from 0 to 3 .*got .* at place 1$/);
      expect(() => stream.push([id])).toThrow(/expected ids from 0 to 3/);
      expect(tokenizer.idToToken(id)).toBeUndefined();
    }
    for (const ids of [undefined, null, 1n, {}]) {
      expect(() => tokenizer.decode(ids as never)).toThrow(/\[decode\] ids: expected a list of ids, got/);
      expect(() => stream.push(ids as never)).toThrow(/\[decode\] ids: expected a list of ids, got/);
    }
    expect(() => tokenizer.decode([1], null as never)).toThrow(/options: expected an object, got null/);
    expect(() => tokenizer.decodeStream(null as never)).toThrow(/options: expected an object, got null/);
  });

  it('is as before where one of several ids is refused', () => {
    const stream = Tokenizer.fromJSON({ model: words }).decodeStream();
    expect(stream.push(1)).toBe('a');
    expect(() => stream.push([2, 9])).toThrow(/\[decode\] expected ids/);
    expect(stream.push([2])).toBe(' b');
  });
});
