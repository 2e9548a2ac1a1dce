import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNormalizer } from '../normalizers/create';
import { AlignedText } from '../text/aligned-text';
import { type AddedToken, AddedTokens, type AllowedSpecial } from './added-tokens';

const split = (
  tokens: readonly Omit<AddedToken, 'id'>[],
  text: string,
  allowed: AllowedSpecial = 'all',
  normalizer?: unknown,
) =>
  new AddedTokens(
    tokens.map((token, id) => ({ id, ...token })),
    normalizer ? createNormalizer(normalizer) : null,
  )
    .split(AlignedText.of(text), allowed)
    .map(({ text: part, token }) => (token === null ? part.text : [part.text]));

describe('AddedTokens', () => {
  it('takes the leftmost, then the longest', () => {
    expect(split([{ content: '<a>' }, { content: '<a>b' }, { content: '>b' }], 'x<a>by')).toEqual(['x', ['<a>b'], 'y']);
    expect(split([{ content: 'ab' }, { content: 'bcd' }], 'abcd')).toEqual([['ab'], 'cd']);
    expect(split([{ content: '' }], 'abc')).toEqual(['abc']);
  });

  it('takes whitespace beside it into the token, if it says so', () => {
    expect(split([{ content: '<m>', lstrip: true }], 'a \u0085 <m> b')).toEqual(['a', [' \u0085 <m>'], ' b']);
    expect(split([{ content: '<m>', rstrip: true }], 'a <m>\n\t<m>')).toEqual(['a ', ['<m>\n\t'], ['<m>']]);
  });

  // A loop that goes through the space again for each token would take minutes.
  it('goes once through space that very many tokens take', () => {
    const added = new AddedTokens([{ id: 0, content: ' ', rstrip: true }], null);
    const found = added.stretches(' '.repeat(200_000), 'all');
    expect(found.length).toBe(200_000);
    expect(found.every(({ from, to }, i) => from === i && to === 200_000)).toBe(true);
  }, 5000);

  it('lets a token begin in the space that the one before it took, as the reference does', () => {
    const tokens = [{ content: '<m>', rstrip: true }, { content: ' ' }, { content: '\n', lstrip: true }];
    expect(split(tokens, '<m>  a')).toEqual([['<m>  '], [' '], [' '], 'a']);
    expect(split(tokens, '<m> \na')).toEqual([['<m> \n'], [' '], ['\n'], 'a']);
    expect(split(tokens, '<m>\na')).toEqual([['<m>\n'], 'a']);
  });

  it('wants word boundaries, if it says so', () => {
    const word = [{ content: 'foo', singleWord: true }];
    expect(split(word, 'foo foobar é-foo éfoo foo')).toEqual([['foo'], ' foobar é-', ['foo'], ' éfoo ', ['foo']]);
    expect(split(word, '😀foo😀')).toEqual(['😀', ['foo'], '😀']);
  });

  it('seeks normalized tokens in the normalised text', () => {
    const lower = { type: 'Lowercase' };
    expect(split([{ content: 'Foo', normalized: true }], 'xFOOx', 'all', lower)).toEqual(['x', ['foo'], 'x']);
    expect(split([{ content: 'Foo' }], 'xFOOxFoo', 'all', lower)).toEqual(['xfoox', ['Foo']]);
  });

  it('decodes normalized tokens to what normalisation made of them, as the reference does', () => {
    const list = [
      { id: 7, content: 'Foo', normalized: true },
      { id: 8, content: 'Bar' },
    ];
    const tokens = new AddedTokens(list, createNormalizer({ type: 'Lowercase' }));
    expect([tokens.textOf(7), tokens.textOf(8), tokens.textOf(9)]).toEqual(['foo', 'Bar', undefined]);
  });

  it('finds an allowed token in one that is not', () => {
    const tokens = [
      { content: '<|a|>', special: true },
      { content: '|>', special: true },
    ];
    expect(split(tokens, 'x<|a|>y', ['|>'])).toEqual(['x<|a', ['|>'], 'y']);
    expect(split(tokens, 'x<|a|>y', 'none')).toEqual(['x<|a|>y']);
  });

  it('recognises the special tokens that are allowed', () => {
    const tokens = [{ content: '<s>', special: true }, { content: '<t>', special: true }, { content: '<u>' }];
    expect(split(tokens, '<s><t><u>')).toEqual([['<s>'], ['<t>'], ['<u>']]);
    expect(split(tokens, '<s><t><u>', 'none')).toEqual(['<s><t>', ['<u>']]);
    expect(split(tokens, '<s><t><u>', ['<t>'])).toEqual(['<s>', ['<t>'], ['<u>']]);
  });

  it('loses nothing', () => {
    // A token that begins with whitespace is also found where another has taken that whitespace.
    const content = fc.string({ unit: fc.constantFrom('a', '<', ' '), maxLength: 3 }).filter((c) => !c.startsWith(' '));
    const token = fc.record({
      content,
      special: fc.boolean(),
      lstrip: fc.boolean(),
      rstrip: fc.boolean(),
      singleWord: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 4 }),
        fc.string({ unit: fc.constantFrom('a', '<', ' ', 'é') }),
        (tokens, text) => {
          expect(split(tokens, text).flat().join('')).toBe(text);
        },
      ),
    );
  });
});
