import { tensor } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { LayersError } from './errors';
import { PagedKVCache } from './paged-cache';

const shape = { layers: 2, numKeyValueHeads: 1, headDim: 2, compute: 'float32' } as const;

/** Appends rows that hold their own numbers to a slot and gives what the layout finds there. */
function append(cache: PagedKVCache, slot: number, values: readonly number[]): number[] {
  const step = cache.begin({ slots: Int32Array.of(slot), offsets: Int32Array.of(0, values.length) });
  const rows = tensor(
    values.flatMap((v) => [v, -v]),
    { shape: [values.length, 1, 2] },
  );
  const { k } = step.update(1, rows, rows);
  step.commit();
  const stored = k.dataSync();
  const { keyLengths, pageRows, pageSize } = step.layout;
  return Array.from({ length: keyLengths[0] ?? 0 }, (_, j) => {
    const row = (pageRows[Math.floor(j / pageSize)] ?? 0) + (j % pageSize);
    return stored[2 * row] ?? Number.NaN;
  });
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('PagedKVCache', () => {
  it('finds every row again, across pages and interleaved slots', () => {
    const cache = new PagedKVCache({ ...shape, capacity: 400 });
    const a = cache.allocate(200);
    const b = cache.allocate(200);
    append(cache, a, range(0, 50));
    append(cache, b, range(1000, 1070));
    append(cache, a, range(50, 51));
    expect(append(cache, a, range(51, 130))).toEqual(range(0, 130));
    expect(append(cache, b, [1070])).toEqual(range(1000, 1071));
    expect([cache.length(a), cache.length(b)]).toEqual([130, 71]);
    cache.dispose();
  });

  it('gives pages back on truncate and free, and reuses them', () => {
    const cache = new PagedKVCache({ ...shape, capacity: 128 });
    const a = cache.allocate(128);
    append(cache, a, range(0, 100));
    expect(cache.freePages).toBe(0);
    cache.truncate(a, 10);
    expect(cache.freePages).toBe(1);
    expect(append(cache, a, [77])).toEqual([...range(0, 10), 77]);
    cache.free(a);
    expect(cache.freePages).toBe(2);
    expect(() => cache.length(a)).toThrow(LayersError);
    cache.dispose();
  });

  it('counts rows only after commit', () => {
    const cache = new PagedKVCache({ ...shape, capacity: 64 });
    const a = cache.allocate(10);
    cache.begin({ slots: Int32Array.of(a), offsets: Int32Array.of(0, 3) });
    expect(cache.length(a)).toBe(0);
    cache.dispose();
  });

  it.each([
    ['cache_full', (cache: PagedKVCache) => append(cache, cache.allocate(500), range(0, 65))],
    ['cache_full', (cache: PagedKVCache) => append(cache, cache.allocate(2), [1, 2, 3])],
    ['cache', (cache: PagedKVCache) => append(cache, 99, [1])],
    ['cache', (cache: PagedKVCache) => cache.truncate(cache.allocate(5), 3)],
    ['value', () => new PagedKVCache({ ...shape, capacity: 0 })],
    [
      'cache',
      (cache: PagedKVCache) => {
        const slot = cache.allocate(5);
        cache.begin({ slots: Int32Array.of(slot, slot), offsets: Int32Array.of(0, 1, 2) });
      },
    ],
    [
      'shape',
      (cache: PagedKVCache) => {
        const step = cache.begin({ slots: Int32Array.of(cache.allocate(5)), offsets: Int32Array.of(0, 1) });
        step.update(0, tensor([[[1, 2, 3]]]), tensor([[[1, 2, 3]]]));
      },
    ],
  ])('throws %s', (code, run) => {
    const cache = new PagedKVCache({ ...shape, capacity: 64 });
    expect(() => run(cache)).toThrow(expect.objectContaining({ name: 'LayersError', code }));
    cache.dispose();
  });
});
