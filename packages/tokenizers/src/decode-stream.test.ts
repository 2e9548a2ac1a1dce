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

  it('is as before where one of several ids is refused', () => {
    const stream = Tokenizer.fromJSON({ model: words }).decodeStream();
    expect(stream.push(1)).toBe('a');
    expect(() => stream.push([2, 9])).toThrow(/\[decode\] expected ids/);
    expect(stream.push([2])).toBe(' b');
  });
});
