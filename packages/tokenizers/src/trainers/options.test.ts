import { describe, expect, it } from 'vitest';
import { countInThreads } from './count-threads';
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
      [
        texts,
        { ...good, specialTokens: [{ content: '<s>', lstrip: 'yes' }] },
        'specialTokens: lstrip: expected true or false, got "yes"',
      ],
      [
        texts,
        { ...good, preTokenizer: { type: 'Whitespace' } },
        'preTokenizer: expected a component such as createPreTokenizer({ type: … }) makes, or null, got {"type":"Whitespace"}',
      ],
      [
        texts,
        { ...good, normalizer: { type: 'NFC' } },
        'normalizer: expected a component such as createNormalizer({ type: … }) makes, or null, got {"type":"NFC"}',
      ],
      [
        texts,
        { ...good, decoder: 5 },
        'decoder: expected a component such as createDecoder({ type: … }) makes, or null, got 5',
      ],
      [
        texts,
        { ...good, postProcessor: 5 },
        'postProcessor: expected a component such as createPostProcessor({ type: … }) makes, or null, got 5',
      ],
      [texts, { ...good, signal: 5 }, 'signal: expected an AbortSignal, got 5'],
      [texts, { ...good, onProgress: 5 }, 'onProgress: expected a function, got 5'],
      [texts, { ...good, onReport: 5 }, 'onReport: expected a function, got 5'],
      [texts, { ...good, counter: 5 }, 'counter: expected a function, got 5'],
      [[['low', 'lower']], good, 'expected texts, got ["low","lower"]'],
    ] as const)
      await expect(train(input as never, options as never)).rejects.toMatchObject({
        code: 'invalid_argument',
        message: `[train] ${message}`,
      });
  });

  it('are refused where one trainer alone has the setting', async () => {
    const failing = (run: Promise<unknown>) => expect(run).rejects;
    await failing(trainBpe(texts, { ...good, fuseUnk: 'yes' as never })).toThrow('fuseUnk: expected true or false');
    await failing(trainUnigram(texts, { ...good, shrinkingFactor: '0.5' as never })).toThrow('got "0.5"');
    await failing(trainWordPiece(texts, { ...good, maxInputCharsPerWord: -1 })).toThrow('maxInputCharsPerWord');
    // `countInThreads` itself in the place of what it makes.
    await failing(trainBpe(texts, { ...good, counter: countInThreads as never })).toThrow('{ threads: 2 }');
    await failing(trainBpe(texts, { ...good, counter: (() => []) as never })).toThrow('counter: expected');
  });

  it.each([trainBpe, trainUnigram, trainWordPiece])('are refused as an alphabet', async (train) => {
    await expect(train(texts, { ...good, initialAlphabet: 5 as never })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: '[train] initialAlphabet: expected a list of texts, got 5',
    });
  });
});
