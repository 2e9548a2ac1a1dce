import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttentionAttrs, AttentionLayout, Compute } from '../contract';
import { backend, normal, read, rows } from './kernels.test-support';

const { kernels } = backend;

const base: Omit<AttentionAttrs, 'layout'> = {
  causal: true,
  window: null,
  softcap: null,
  scale: 0.5,
  compute: 'float32',
};

/** One document of `keys` keys from row `first` of k, asked by `queries` queries that begin at `position`. */
function document(p: {
  queries: number;
  position: number;
  keys: number;
  first?: number;
  keyRows?: number[];
}): AttentionLayout {
  return {
    queryOffsets: Int32Array.of(0, p.queries),
    queryStarts: Int32Array.of(p.position),
    keyLengths: Int32Array.of(p.keys),
    pageOffsets: Int32Array.of(0, p.keyRows?.length ?? 1),
    pageRows: Int32Array.from(p.keyRows ?? [p.first ?? 0]),
    pageSize: p.keyRows ? 64 : Math.max(64, p.keys),
  };
}

/** Softmax attention of one head from its definition. */
function defined(
  q: number[],
  k: number[],
  v: number[],
  width: number,
  see: (i: number, j: number) => boolean,
): number[] {
  const keys = k.length / width;
  const out: number[] = [];
  for (let i = 0; i < q.length / width; i++) {
    const powers = Array.from({ length: keys }, (_, j) => {
      let dot = 0;
      for (let d = 0; d < width; d++) dot += (q[i * width + d] as number) * (k[j * width + d] as number);
      return see(i, j) ? Math.exp(0.5 * dot) : 0;
    });
    const total = powers.reduce((a, b) => a + b, 0);
    for (let d = 0; d < width; d++) {
      out.push(total === 0 ? 0 : powers.reduce((sum, p, j) => sum + p * (v[j * width + d] as number), 0) / total);
    }
  }
  return out;
}

describe('attention', () => {
  it('is its definition, for any lengths, position and window', () => {
    const p = fc.record({
      queries: fc.integer({ min: 0, max: 5 }),
      keys: fc.integer({ min: 0, max: 9 }),
      position: fc.integer({ min: 0, max: 6 }),
      causal: fc.boolean(),
      window: fc.option(fc.integer({ min: 1, max: 4 })),
    });
    fc.assert(
      fc.property(p, ({ queries, keys, position, causal, window }) => {
        const [q, k, v] = [normal([queries, 1, 3], 1), normal([keys, 1, 3], 2), normal([keys, 1, 3], 3)];
        const attrs = { ...base, causal, window, layout: document({ queries, position, keys }) };
        const see = (i: number, j: number) =>
          (!causal || j <= position + i) && (window === null || j > position + i - window);
        const want = defined(read(q), read(k), read(v), 3, see);
        read(kernels.attention(q, k, v, null, attrs).y).forEach((y, i) => {
          expect(Math.abs(y - (want[i] as number))).toBeLessThan(1e-6);
        });
      }),
    );
  });

  it('gives a query the same bits whole, in chunks, one by one, cached in pages, and in any batch', () => {
    const total = 150;
    for (const compute of ['float32', 'bfloat16'] as readonly Compute[]) {
      for (const extra of [{}, { window: 70 }, { softcap: 2 }]) {
        const attrs = { ...base, ...extra, compute };
        const [q, k, v] = [normal([total, 4, 5], 1), normal([total, 2, 5], 2), normal([total, 2, 5], 3)];
        const sinks = normal([4], 4);
        const whole = kernels.attention(q, k, v, sinks, {
          ...attrs,
          layout: document({ queries: total, position: 0, keys: total }),
        });
        const want = read(whole.y);
        // The same keys in a pool of pages of 64 that lie backwards.
        const places = [128, 64, 0];
        const pool = [normal([192, 2, 5], 5), normal([192, 2, 5], 6)] as const;
        const to = Int32Array.from({ length: total }, (_, j) => (places[Math.floor(j / 64)] as number) + (j % 64));
        kernels.writeRowsInPlace(pool[0], to, k);
        kernels.writeRowsInPlace(pool[1], to, v);
        for (const [from, count] of [
          [0, 1],
          [0, 63],
          [63, 2],
          [65, 85],
          [149, 1],
        ] as const) {
          const asked = document({ queries: count, position: from, keys: from + count, keyRows: places });
          const part = kernels.attention(rows(q, from, count), ...pool, sinks, { ...attrs, layout: asked });
          expect(read(part.y)).toEqual(want.slice(from * 20, (from + count) * 20));
          expect(read(part.lse)).toEqual(read(whole.lse).slice(from * 4, (from + count) * 4));
        }
        // The second of two documents in one batch.
        const pair = kernels.attention(
          kernels.concat([rows(q, 0, 7), q], 0),
          kernels.concat([rows(v, 0, 7), k], 0),
          kernels.concat([rows(k, 0, 7), v], 0),
          sinks,
          {
            ...attrs,
            layout: {
              queryOffsets: Int32Array.of(0, 7, 7 + total),
              queryStarts: Int32Array.of(0, 0),
              keyLengths: Int32Array.of(7, total),
              pageOffsets: Int32Array.of(0, 1, 2),
              pageRows: Int32Array.of(0, 7),
              pageSize: 192,
            },
          },
        );
        expect(read(pair.y).slice(7 * 20)).toEqual(want);
      }
    }
  });

  it('a row that sees nothing gives 0, with and without a sink, and takes no gradient', () => {
    const [q, k, g] = [normal([1, 2, 3], 1), normal([2, 1, 3], 2), normal([1, 2, 3], 3)];
    const attrs = { ...base, layout: document({ queries: 1, position: 0, keys: 0 }) };
    for (const sinks of [null, normal([2], 4)]) {
      const { y, lse } = kernels.attention(q, k, k, sinks, attrs);
      expect(read(y)).toEqual(Array(6).fill(0));
      expect(read(lse)).toEqual(sinks === null ? Array(2).fill(Number.NEGATIVE_INFINITY) : read(sinks));
      const grads = kernels.attentionGrad(q, k, k, sinks, y, lse, g, attrs);
      for (const x of [grads.gq, grads.gk, grads.gv]) for (const value of read(x)) expect(value + 0).toBe(0);
    }
  });

  it('a sink takes the share of a key whose value is 0', () => {
    const [q, k, v] = [normal([3, 1, 4], 1), normal([3, 1, 4], 2), normal([3, 1, 4], 3)];
    const attrs = { ...base, layout: document({ queries: 3, position: 0, keys: 3 }) };
    const sink = read(normal([1], 5))[0] as number;
    const bare = kernels.attention(q, k, v, null, attrs);
    const logs = read(bare.lse);
    const want = read(bare.y).map((y, i) => y / (1 + Math.exp(sink - (logs[Math.floor(i / 4)] as number))));
    read(kernels.attention(q, k, v, normal([1], 5), attrs).y).forEach((y, i) => {
      expect(Math.abs(y - (want[i] as number))).toBeLessThan(1e-6);
    });
  });
});
