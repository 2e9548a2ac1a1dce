import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createModel } from './create';
import { SentencePieceBpe, type SentencePieceBpeOptions } from './sentence-piece-bpe';

const pieces = [
  ['<unk>', 0],
  ['<s>', 0],
  ['ab', -1],
  ['bc', -1],
  ['abc', -2],
  ['ca', -3],
  ['abca', -4],
  ['a', -5],
  ['b', -6],
  ['c', -7],
] as const;
const options: SentencePieceBpeOptions = {
  pieces,
  unkId: 0,
  byteFallback: false,
  unmatched: new Set([0, 1]),
  unused: new Set(),
  userDefined: new Set(),
};
const of = (more: Partial<SentencePieceBpeOptions> = {}) => new SentencePieceBpe({ ...options, ...more });

/** The rule itself: join the neighbours that spell the piece of the highest score, the leftmost of equals. */
function naive(word: string): string[] {
  const scores = new Map<string, number>(pieces.slice(2));
  const symbols = [...word];
  for (;;) {
    let best = Number.NEGATIVE_INFINITY;
    let at = -1;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const score = scores.get(`${symbols[i]}${symbols[i + 1]}`);
      if (score !== undefined && score > best) [best, at] = [score, i];
    }
    if (at < 0) return symbols;
    symbols.splice(at, 2, `${symbols[at]}${symbols[at + 1]}`);
  }
}

describe('SentencePieceBpe', () => {
  it('joins by scores', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 100 }), (word) => {
        expect(of().tokenize(word).tokens).toEqual(naive(word));
      }),
    );
  });

  it('makes neighbouring unknown characters one token, or bytes', () => {
    expect(of().tokenize('axyb')).toEqual({
      ids: [7, 0, 8],
      tokens: ['a', 'xy', 'b'],
      starts: [0, 1, 3],
      ends: [1, 3, 4],
    });
    const bytes = of({
      pieces: [...pieces, ['<0x78>', 0], ['<0x79>', 0]],
      unmatched: new Set([0, 1, 10, 11]),
      byteFallback: true,
    });
    expect(bytes.tokenize('axyb').tokens).toEqual(['a', '<0x78>', '<0x79>', 'b']);
    expect(bytes.tokenize('az').ids).toEqual([7, 0]);
  });

  it('finds user-defined pieces first and never joins them', () => {
    const frozen = of({ userDefined: new Set([5]) });
    expect(frozen.tokenize('abca').tokens).toEqual(['ab', 'ca']);
    expect(of().tokenize('abca').tokens).toEqual(['abca']);
  });

  it('takes unused pieces apart again', () => {
    expect(of({ unused: new Set([4]) }).tokenize('abc').tokens).toEqual(['ab', 'c']);
    expect(of({ unused: new Set([4, 2]) }).tokenize('abc').tokens).toEqual(['a', 'b', 'c']);
    expect(of({ unused: new Set([4]) }).tokenize('abca').tokens).toEqual(['abca']);
  });

  // Pieces and ids are those of sentencepiece 0.2.3.
  it.each([
    ['z', 'z', [0]],
    ['az', 'a z', [3, 0]],
    ['zz', 'zz', [0]],
    ['zza', 'z za', [0, 10]],
    ['abz', 'abz', [9]],
    ['zzbz', 'zzb z', [12, 0]],
    ['zxz', 'zxz', [0]],
    ['czz', 'c zz', [5, 0]],
  ] as const)('takes unused characters of %j as unknown', (word, tokens, ids) => {
    const texts = ['<unk>', '<s>', '</s>', 'a', 'b', 'c', 'z', 'ab', 'bc', 'abz', 'za', 'zz', 'zzb', 'cz'];
    const model = of({
      pieces: texts.map((text, id) => [text, -id] as const),
      unmatched: new Set([0, 1, 2]),
      unused: new Set([6, 11, 13]),
    });
    const made = model.tokenize(word);
    expect([made.tokens.join(' '), made.ids]).toEqual([tokens, ids]);
  });

  it('never makes a piece that is no text', () => {
    const tags = of({ pieces: [...pieces, ['<', -9], ['s', -9], ['>', -9], ['s>', -9]] });
    expect(tags.tokenize('<s>').tokens).toEqual(['<', 's>']);
  });

  it('is written as merges that do the same where every piece can be made', () => {
    const again = createModel(of().toJSON());
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 }), (word) => {
        expect(again.tokenize(word).ids).toEqual(of().tokenize(word).ids);
      }),
    );
  });
});
