import { beforeAll, describe, expect, it } from 'vitest';
import type { Tokenizer, WordCounting } from '../index';

// Threads run a build entry, so all of this is tested from the build.
type Main = typeof import('../index');
type Threads = typeof import('./count-threads');
let main: Main;
let threads: Threads;
beforeAll(async () => {
  const built = (name: string) => new URL(`../../dist/${name}.js`, import.meta.url).href;
  main = (await import(/* @vite-ignore */ built('index'))) as Main;
  threads = (await import(/* @vite-ignore */ built('count-threads'))) as Threads;
});

/** Texts with a long tail of rare words, one text longer than a batch. */
function* texts(): Generator<string> {
  let seed = 1;
  const word = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor(Math.exp((seed / 2 ** 32) * 14)).toString(36);
  };
  for (let i = 0; i < 12; i++) {
    yield Array.from({ length: i === 5 ? 900_000 : 60_000 }, word).join(' ');
    yield '';
  }
}

describe('countInThreads', () => {
  it('trains the same tokenizer for every number of threads, also where words were dropped', async () => {
    const train = async (counter?: WordCounting): Promise<[Tokenizer, unknown]> => {
      let report: unknown;
      const onReport = (r: unknown) => {
        report = r;
      };
      const options = { vocabSize: 600, maxWords: 20_000, onReport };
      return [await main.trainBpe(texts(), counter ? { ...options, counter } : options), report];
    };
    const [alone, report] = await train();
    expect(report).toMatchObject({ texts: 24 });
    expect((report as { prunedWords: number }).prunedWords).toBeGreaterThan(0);
    for (const n of [1, 3]) {
      const [tokenizer, other] = await train(threads.countInThreads({ threads: n }));
      expect(other).toEqual(report);
      expect(tokenizer.toJSON()).toEqual(alone.toJSON());
    }
  });

  it('hands components over, and errors back', async () => {
    const options = {
      vocabSize: 60,
      normalizer: main.createNormalizer({ type: 'Lowercase' }),
      preTokenizer: main.metaspace(),
    };
    const counter = threads.countInThreads({ threads: 2 });
    const input = ['One Two', 'two three THREE'];
    const trained = await main.trainBpe(input, { ...options, counter });
    expect(trained.toJSON()).toEqual((await main.trainBpe(input, options)).toJSON());
    await expect(main.trainBpe(['ok', 'no\udc00pe'], { ...options, counter })).rejects.toMatchObject({
      code: 'invalid_text',
      message: expect.stringContaining('text 1'),
    });
    const own = { split: main.metaspace().split, toJSON: () => ({ type: 'Mine' }) };
    await expect(main.trainBpe(input, { ...options, preTokenizer: own, counter })).rejects.toThrow('another kind');
    expect(() => threads.countInThreads({ threads: 0 })).toThrow('threads');
  });

  it('stops when asked, and ends its threads when the texts fail', async () => {
    const stop = new AbortController();
    function* failing() {
      yield* texts();
      throw new Error('disk');
    }
    const counter = threads.countInThreads({ threads: 1 });
    await expect(main.trainBpe(failing(), { vocabSize: 600, counter })).rejects.toThrow('disk');
    const training = main.trainBpe(texts(), { vocabSize: 600, counter, signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(training).rejects.toThrow('enough');
  });
});
