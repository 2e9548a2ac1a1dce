import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bpe, Tokenizer, type TokenizerError, createNormalizer, metaspace, template, trainBpe } from '../index';

type Pool = typeof import('./pool');
// What runs in a worker is a build entry, and so is what starts it.
const built = new URL('../../dist/pool.js', import.meta.url).href;
let TokenizerPool: Pool['TokenizerPool'];

const words = [
  'the',
  'theatre',
  'lower',
  'Low',
  'naïve',
  '日本語',
  "don't",
  '1234',
  '—',
  '😀',
  'representatives',
  '<|end|>',
];
const text = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => words[(i * seed + (i >> 3)) % words.length]).join(' ');
/** A template with its text twice. */
const twice = {
  type: 'TemplateProcessing',
  single: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
  special_tokens: {},
};
const texts = ['', 'low', text(50, 5), '', text(90_000, 7), '<|end|>', '<|end|> low<|end|>', text(2000, 11)];

let tokenizer: Tokenizer;
let pool: Awaited<ReturnType<Pool['TokenizerPool']['create']>>;
beforeAll(async () => {
  ({ TokenizerPool } = (await import(/* @vite-ignore */ built)) as Pool);
  const trained = await trainBpe([text(500, 5)], { vocabSize: 400, specialTokens: ['<|end|>'] });
  const end = { token: '<|end|>', id: trained.tokenToId('<|end|>') as number };
  tokenizer = new Tokenizer({ ...trained.parts, postProcessor: template({ before: [end], after: [end, end] }) });
  pool = await TokenizerPool.create(tokenizer, { workers: 2 });
});
afterAll(() => pool.dispose());

const codeOf = async (call: Promise<unknown>) =>
  call.then(
    () => 'no error',
    (error: TokenizerError) => `${error.code}: ${error.message}`,
  );

describe('TokenizerPool', () => {
  it('gives the ids of encodeIds, in the order of the texts, long ones shared out', async () => {
    for (const options of [{}, { addSpecialTokens: false }, { allowedSpecial: 'none' as const }]) {
      const got = await pool.encodeBatch(texts, options);
      expect(got.map((ids) => ids instanceof Int32Array)).toEqual(texts.map(() => true));
      expect(got.map((ids) => [...ids])).toEqual(texts.map((t) => tokenizer.encodeIds(t, options)));
    }
    expect([...(await pool.encode(texts[4] as string))]).toEqual(tokenizer.encodeIds(texts[4] as string));
    expect(await pool.encodeBatch([])).toEqual([]);
  });

  it('does several calls at once', async () => {
    const calls = await Promise.all([...texts, ...texts].map((t) => pool.encode(t)));
    expect(calls.map((ids) => [...ids])).toEqual([...texts, ...texts].map((t) => tokenizer.encodeIds(t)));
  });

  it('encodes with tokenizers that have no quick way, a normaliser, shared ranks, or a text twice', async () => {
    const model = tokenizer.parts.model as Bpe;
    const { options } = model;
    const others = [
      new Tokenizer({ ...tokenizer.parts, normalizer: createNormalizer({ type: 'NFD' }) }),
      new Tokenizer({ ...tokenizer.parts, preTokenizer: metaspace() }),
      Tokenizer.fromJSON({ ...tokenizer.toJSON(), post_processor: twice }),
      new Tokenizer({
        ...tokenizer.parts,
        model: new Bpe({ ...options, ranks: options.merges.map((_, i) => i >> 3) }),
      }),
    ];
    for (const other of others) {
      const own = await TokenizerPool.create(other, { workers: 1 });
      const got = await own.encodeBatch(texts.slice(0, 4));
      expect(got.map((ids) => [...ids])).toEqual(texts.slice(0, 4).map((t) => other.encodeIds(t)));
      await own.dispose();
    }
  });

  it('shares the words that its workers meet, and begins anew behind clearCache', async () => {
    const many = Array.from({ length: 12 }, (_, seed) => text(60_000, seed + 1));
    const want = many.map((t) => tokenizer.encodeIds(t));
    for (let round = 0; round < 3; round++) {
      // Calls under way keep to the words of before.
      const calls = many.map((t) => pool.encode(t));
      pool.clearCache();
      const later = many.map((t) => pool.encode(t));
      const got = await Promise.all([...calls, ...later]);
      expect(got.map((ids) => [...ids])).toEqual([...want, ...want]);
    }
  });

  it('refuses bad arguments with typed errors that name the place', async () => {
    expect(await codeOf(TokenizerPool.create(tokenizer, { workers: 0 }))).toMatch(
      /^invalid_argument.*1 to 1024.*got 0/,
    );
    expect(await codeOf(pool.encodeBatch(['a', 1 as unknown as string]))).toMatch(
      /^invalid_argument.*number at place 1/,
    );
    const lone = `${text(60_000, 7)}\ud800`;
    expect(await codeOf(pool.encodeBatch(['a', lone, text(60_000, 7)]))).toMatch(
      new RegExp(`text 1 of the batch: .*place ${lone.length - 1};`),
    );
    expect(await codeOf(pool.encode(lone))).toMatch(
      `[encode] expected well-formed text, got a lone surrogate at place ${lone.length - 1};`,
    );
    const strict = { allowedSpecial: 'none', disallowedSpecial: 'all' } as const;
    expect(await codeOf(pool.encodeBatch(['a', 'low<|end|>'], strict))).toMatch(/^invalid_text: .*text 1 of the batch/);
    for (const wrong of [undefined, null, 'low'])
      expect(await codeOf(pool.encodeBatch(wrong as never))).toMatch(/^invalid_argument.*texts: expected a list/);
    expect(await codeOf(pool.encode('low', null as never))).toMatch(/^invalid_argument.*options: expected an object/);
    // It works on.
    expect([...(await pool.encode('low'))]).toEqual(tokenizer.encodeIds('low'));
  });

  it('fails at the start for components that tokenizer.json does not know', async () => {
    const preTokenizer = { toJSON: () => ({ type: 'Mine' }), split: () => [] };
    const odd = new Tokenizer({ ...tokenizer.parts, preTokenizer });
    expect(await codeOf(TokenizerPool.create(odd, { workers: 2 }))).toMatch(/^unsupported.*Mine/);
  });

  it('stops when the signal says so', async () => {
    const control = new AbortController();
    const calls = [pool.encode(text(200_000, 7), { signal: control.signal }), pool.encode('low')];
    control.abort(new Error('enough'));
    await expect(calls[0]).rejects.toThrow('enough');
    expect([...((await calls[1]) as Int32Array)]).toEqual(tokenizer.encodeIds('low'));
    await expect(pool.encode('low', { signal: control.signal })).rejects.toThrow('enough');
  });

  it('rejects what a worker had when it ended, and starts another', async () => {
    const own = await TokenizerPool.create(tokenizer, { workers: 1 });
    const { threads } = (own as unknown as { queue: { threads: { worker: { terminate(): Promise<number> } }[] } })
      .queue;
    const call = codeOf(own.encode(text(200_000, 7)));
    await threads[0]?.worker.terminate();
    expect(await call).toMatch(/^worker_failed.*ended/);
    expect([...(await own.encode('low'))]).toEqual(tokenizer.encodeIds('low'));
    own.clearCache();
    expect([...(await own.encode('lower low'))]).toEqual(tokenizer.encodeIds('lower low'));
    await own.dispose();
  });

  it('rejects calls under way and later ones when it is disposed of', async () => {
    const own = await TokenizerPool.create(tokenizer, { workers: 1 });
    const call = codeOf(own.encode(text(200_000, 7)));
    await own.dispose();
    expect(await call).toMatch(/^invalid_argument.*disposed/);
    expect(await codeOf(own.encode('low'))).toMatch(/^invalid_argument.*disposed/);
    await own.dispose();
  });
});
