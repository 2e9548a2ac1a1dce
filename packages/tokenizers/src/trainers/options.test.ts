import { describe, expect, it } from 'vitest';
import { trainBpe } from './train-bpe';
import { trainUnigram } from './train-unigram';
import { trainWordLevel } from './train-word-level';
import { trainWordPiece } from './train-word-piece';

const good = { vocabSize: 300 };
const texts = ['low lower lowest'];

describe('arguments of other types', () => {
  it.each([
    ['trainBpe', trainBpe],
    ['trainUnigram', trainUnigram],
    ['trainWordLevel', trainWordLevel],
    ['trainWordPiece', trainWordPiece],
  ])('are refused with their name by %s', async (_, train) => {
    for (const [input, options, message] of [
      [5, good, 'expected an iterable of texts, got 5'],
      [{}, good, 'expected an iterable of texts, got {}'],
      [null, good, 'expected an iterable of texts, got null'],
      ['low', good, 'expected an iterable of texts, got one text; put it into a list'],
      [texts, undefined, 'options: expected an object with a vocabSize, got undefined'],
      [texts, null, 'options: expected an object with a vocabSize, got null'],
      [texts, {}, 'vocabSize: expected a whole number from 1 to 16777216, got undefined'],
      [texts, { vocabSize: 300n }, 'vocabSize: expected a whole number from 1 to 16777216, got 300n'],
      [texts, { ...good, specialTokens: 'abc' }, 'specialTokens: expected a list of tokens, got "abc"'],
      [texts, { ...good, specialTokens: [null] }, 'specialTokens: expected text, got null'],
      [texts, { ...good, specialTokens: [{}] }, 'specialTokens: expected text, got undefined'],
    ] as const)
      await expect(train(input as never, options as never)).rejects.toMatchObject({
        code: 'invalid_argument',
        message: `[train] ${message}`,
      });
  });

  it.each([trainBpe, trainUnigram, trainWordPiece])('are refused as an alphabet', async (train) => {
    await expect(train(texts, { ...good, initialAlphabet: 5 as never })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: '[train] initialAlphabet: expected a list of texts, got 5',
    });
  });
});
