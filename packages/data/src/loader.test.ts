import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenLoader, type TokenLoaderOptions } from './loader.js';
import type { TokenBatch } from './token-batch.js';
import { type TokenSource, tokensFromArrays } from './token-source.js';
import { validationBatches } from './validation.js';

/** Documents whose ids say where they stand: 100 * document + place. */
function numbered(lengths: readonly number[]): TokenSource {
  return tokensFromArrays(
    lengths.map((length, d) => Array.from({ length }, (_, i) => 100 * d + i)),
    { vocabSize: 100 * lengths.length },
  );
}

async function collect(batches: AsyncIterable<TokenBatch>): Promise<TokenBatch[]> {
  const all: TokenBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** (input, label) pairs of batches. */
const pairs = (batches: readonly TokenBatch[]) =>
  batches.flatMap(({ ids, labels }) => [...ids].map((id, i) => `${id}>${labels[i]}`));

function checkForm({ ids, offsets, positions, labels }: TokenBatch, seqLen: number): void {
  expect([positions.length, labels.length, offsets[0], offsets.at(-1)]).toEqual([
    ids.length,
    ids.length,
    0,
    ids.length,
  ]);
  for (let s = 0; s + 1 < offsets.length; s++) {
    const segment = positions.subarray(offsets[s], offsets[s + 1]);
    expect(segment.length).toBeGreaterThan(0);
    expect(segment.length).toBeLessThanOrEqual(seqLen);
    expect([...segment]).toEqual(Array.from(segment, (_, i) => i));
  }
}

const anyLengths = fc
  .array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })
  .filter((lengths) => lengths.some((l) => l > 1));
const anySizes = fc.record({
  batchSize: fc.integer({ min: 1, max: 4 }),
  seqLen: fc.integer({ min: 1, max: 12 }),
  seed: fc.nat(),
});

describe('TokenLoader', () => {
  it('predicts every token once an epoch, never across documents', async () => {
    await fc.assert(
      fc.asyncProperty(anyLengths, anySizes, async (lengths, sizes) => {
        const batches = await collect(new TokenLoader(numbered(lengths), { ...sizes, epochs: 2 }));
        const once = lengths.flatMap((length, d) =>
          Array.from({ length: length - 1 }, (_, i) => `${100 * d + i}>${100 * d + i + 1}`),
        );
        expect(pairs(batches).sort()).toEqual([...once, ...once].sort());
        for (const [i, batch] of batches.entries()) {
          checkForm(batch, sizes.seqLen);
          if (i + 1 < batches.length) expect(batch.ids.length).toBe(sizes.batchSize * sizes.seqLen);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('keeps each segment inside one document, or joins them', async () => {
    const source = numbered([5, 4]);
    const one = { batchSize: 1, seqLen: 8, seed: 0, epochs: 1 } satisfies TokenLoaderOptions;
    const [separate] = await collect(new TokenLoader(source, one));
    expect(separate?.offsets.length).toBe(3);
    const [joined] = await collect(new TokenLoader(source, { ...one, documents: 'joined' }));
    expect(joined).toEqual({
      ids: Int32Array.of(0, 1, 2, 3, 4, 100, 101, 102),
      labels: Int32Array.of(1, 2, 3, 4, 100, 101, 102, 103),
      offsets: Int32Array.of(0, 8),
      positions: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7),
      epoch: 0,
    });
  });

  it('has an order that depends on the seed and the epoch alone', async () => {
    const source = numbered([90, 60, 80]);
    const options = { batchSize: 2, seqLen: 5, seed: 3, epochs: 2 };
    const first = pairs(await collect(new TokenLoader(source, options)));
    expect(pairs(await collect(new TokenLoader(source, options)))).toEqual(first);
    expect(pairs(await collect(new TokenLoader(source, { ...options, seed: 4 })))).not.toEqual(first);
    expect(first.slice(0, first.length / 2)).not.toEqual(first.slice(first.length / 2));
    const sizes = { ...options, batchSize: 7 };
    expect(pairs(await collect(new TokenLoader(source, sizes)))).toEqual(first);
  });

  it('goes on exactly where a saved state was, at any point', async () => {
    await fc.assert(
      fc.asyncProperty(anyLengths, anySizes, fc.nat(12), async (lengths, sizes, steps) => {
        const source = numbered(lengths);
        const loader = new TokenLoader(source, sizes);
        for (let i = 0; i < steps; i++) await loader.next();
        const saved: unknown = JSON.parse(JSON.stringify(loader.state()));
        const resumed = new TokenLoader(source, sizes);
        resumed.load(saved);
        for (let i = 0; i < 4; i++) expect(await resumed.next()).toEqual(await loader.next());
        expect(resumed.state()).toEqual(loader.state());
      }),
      { numRuns: 50 },
    );
  });

  it('stays where it was when a read fails', async () => {
    const source = numbered([30]);
    let broken = true;
    const flaky: TokenSource = {
      ...source,
      read: (start, target) => (broken ? Promise.reject(new Error('disk')) : source.read(start, target)),
    };
    const options = { batchSize: 1, seqLen: 4, seed: 0 };
    const loader = new TokenLoader(flaky, options);
    await expect(loader.next()).rejects.toThrow('disk');
    broken = false;
    expect(await loader.next()).toEqual(await new TokenLoader(source, options).next());
  });

  it('counts the batches of an epoch', () => {
    const loader = new TokenLoader(numbered([5, 4]), { batchSize: 1, seqLen: 2, seed: 0 });
    expect(loader.batchesPerEpoch).toBe(3.5);
  });

  it.each([
    ['no object', 3],
    ['other data', { fingerprint: 'x' }],
    ['another seed', { seed: 9 }],
    ['another length', { seqLen: 3 }],
    ['a unit beyond the data', { unit: 1000 }],
    ['an offset beyond the unit', { offset: 1000 }],
    ['a negative unit', { unit: -1 }],
  ])('refuses a state with %s and keeps its own', async (_, change) => {
    const loader = new TokenLoader(numbered([30]), { batchSize: 1, seqLen: 4, seed: 0 });
    await loader.next();
    const before = loader.state();
    expect(() => loader.load(typeof change === 'object' ? { ...before, ...change } : change)).toThrow(
      expect.objectContaining({ code: 'invalid_state' }),
    );
    expect(loader.state()).toEqual(before);
  });

  it('refuses impossible options and data without a prediction', async () => {
    const source = numbered([30]);
    const options = { batchSize: 1, seqLen: 4, seed: 0 };
    for (const bad of [{ batchSize: 0 }, { seqLen: 2.5 }, { seed: Number.NaN }, { epochs: 0 }]) {
      expect(() => new TokenLoader(source, { ...options, ...bad })).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
    const documents = 'join' as 'joined';
    for (const attempt of [
      () => new TokenLoader(source, { ...options, documents }),
      () => validationBatches(source, { ...options, documents }).next(),
    ]) {
      await expect((async () => attempt())()).rejects.toMatchObject({ code: 'invalid_argument' });
    }
    expect(() => new TokenLoader(numbered([1, 1]), options)).toThrow(expect.objectContaining({ code: 'empty_corpus' }));
    expect(new TokenLoader(numbered([1, 1]), { ...options, documents: 'joined' }).batchesPerEpoch).toBe(0.25);
  });
});

describe('validationBatches', () => {
  it('goes through the data once in order, whole windows from each document start', async () => {
    await fc.assert(
      fc.asyncProperty(anyLengths, anySizes, async (lengths, { batchSize, seqLen }) => {
        const batches = await collect(validationBatches(numbered(lengths), { batchSize, seqLen }));
        const once = lengths.flatMap((length, d) =>
          Array.from({ length: length - 1 }, (_, i) => `${100 * d + i}>${100 * d + i + 1}`),
        );
        expect(pairs(batches)).toEqual(once);
        for (const batch of batches) {
          checkForm(batch, seqLen);
          expect(batch.ids.length).toBeLessThanOrEqual(batchSize * seqLen);
          for (const start of batch.offsets.subarray(0, -1)) expect(((batch.ids[start] ?? 0) % 100) % seqLen).toBe(0);
        }
      }),
      { numRuns: 50 },
    );
  });
});
