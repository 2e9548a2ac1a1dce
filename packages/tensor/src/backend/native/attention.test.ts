import { describe, expect, it } from 'vitest';
import { encodeRaw } from '../../raw';
import type { AttentionAttrs, AttentionLayout, NDArray } from '../contract';
import { createReferenceBackend } from '../reference/index';
import { agree, bytesOf, haveNative, native, normalPair, pair, sameBits, valuesOn } from './native.test-support';

/** Segments of the given lengths, each a document of its own, without a cache. */
function layoutOf(lengths: readonly number[]): AttentionLayout {
  const offsets = [0];
  for (const n of lengths) offsets.push((offsets[offsets.length - 1] as number) + n);
  return {
    queryOffsets: Int32Array.from(offsets),
    queryStarts: new Int32Array(lengths.length),
    keyLengths: Int32Array.from(lengths),
    pageOffsets: Int32Array.from(lengths.map((_, i) => i).concat(lengths.length)),
    pageRows: Int32Array.from(offsets.slice(0, -1)),
    pageSize: Math.max(64, ...lengths),
  };
}

function attrsOf(layout: AttentionLayout, changes: Partial<AttentionAttrs> = {}): AttentionAttrs {
  return { layout, causal: true, window: null, softcap: null, scale: 0.3, compute: 'float32', ...changes };
}
describe.skipIf(!haveNative)('against the reference backend', () => {
  it('attention: groups, windows, soft-caps, sinks, pages, and gradients', () => {
    const cases: Partial<AttentionAttrs>[] = [
      {},
      { causal: false },
      { window: 5 },
      { softcap: 2 },
      { compute: 'bfloat16' },
    ];
    for (const changes of cases) {
      for (const lengths of [[1], [70], [3, 0, 130, 17]]) {
        const n = lengths.reduce((a, b) => a + b, 0);
        const [q, g] = [normalPair([n, 4, 10], 20), normalPair([n, 4, 10], 23)];
        const [keys, values, sinks] = [normalPair([n, 2, 10], 21), normalPair([n, 2, 10], 22), normalPair([4], 24)];
        const attrs = attrsOf(layoutOf(lengths), changes);
        for (const sink of [null, sinks]) {
          agree(
            (k, of) => {
              const s = sink === null ? null : of(sink);
              const { y, lse } = k.attention(of(q), of(keys), of(values), s, attrs);
              return { y, lse, ...k.attentionGrad(of(q), of(keys), of(values), s, y, lse, of(g), attrs) };
            },
            changes.compute === 'bfloat16' ? 2e-2 : 5e-5,
          );
        }
      }
    }
  });
});

describe.skipIf(!haveNative)('attention of 16-bit floats', () => {
  it.each(['float16', 'bfloat16'] as const)('%s agrees with the reference backend, in any mixture', (dtype) => {
    const lengths = [3, 0, 70];
    const attrs = attrsOf(layoutOf(lengths));
    const of16 = {
      q: normalPair([73, 4, 10], 20, dtype),
      kv: normalPair([73, 2, 10], 21, dtype),
      s: normalPair([4], 24, dtype),
    };
    const of32 = { q: normalPair([73, 4, 10], 20), kv: normalPair([73, 2, 10], 21), s: normalPair([4], 24) };
    const g = normalPair([73, 4, 10], 23);
    const before = native().memory().liveBytes;
    for (const [q, keys, values, sinks] of [
      [of16.q, of16.kv, of16.kv, of16.s],
      [of16.q, of32.kv, of32.kv, null],
      [of32.q, of16.kv, of32.kv, of32.s],
      [of32.q, of32.kv, of16.kv, of16.s],
    ] as const) {
      agree((kernels, of) => {
        const [x, k, v, s] = [of(q), of(keys), of(values), sinks && of(sinks)];
        const { y, lse } = kernels.attention(x, k, v, s, attrs);
        const grads = kernels.attentionGrad(x, k, v, s, y, lse, of(g), attrs);
        return { y, lse, ...grads };
      }, 1e-2);
    }
    // The copies are gone: what is left is what came out.
    const made = 4 * 73 * (4 * 10 * (4 + 4) + 4 * 4 + 2 * 2 * 10 * 4) + 4 * 64;
    expect(native().memory().liveBytes - before).toBeLessThan(made);
  });
});

describe.skipIf(!haveNative)('the numerics contract, bit for bit', () => {
  const k = () => native().kernels;

  it('attention: whole prompts, chunks, single tokens and paged keys agree', () => {
    const n = 150;
    for (const compute of ['float32', 'bfloat16'] as const) {
      const [q, keys, values] = [
        normalPair([n, 4, 16], 45).native,
        normalPair([n, 2, 16], 46).native,
        normalPair([n, 2, 16], 47).native,
      ];
      const whole = k().attention(q, keys, values, null, attrsOf(layoutOf([n]), { compute }));
      const expected = bytesOf(whole.y);
      const bytes = expected.byteLength / n;
      // Pages of 64 in another order, as a cache holds them.
      const pages = [2, 0, 1];
      const paged = [keys, values].map((x) => {
        const from = valuesOn(native(), x);
        const to = new Float32Array(3 * 64 * 32);
        for (let j = 0; j < n; j++) {
          const at = ((pages[Math.floor(j / 64)] as number) * 64 + (j % 64)) * 32;
          for (let d = 0; d < 32; d++) to[at + d] = from[j * 32 + d] as number;
        }
        return pair(to, [192, 2, 16]).native;
      }) as [typeof keys, typeof values];
      for (const [first, count] of [
        [0, 1],
        [63, 2],
        [64, 1],
        [100, 50],
        [149, 1],
      ] as const) {
        const layout: AttentionLayout = {
          queryOffsets: Int32Array.of(0, count),
          queryStarts: Int32Array.of(first),
          keyLengths: Int32Array.of(first + count),
          pageOffsets: Int32Array.of(0, 3),
          pageRows: Int32Array.from(pages.map((p) => p * 64)),
          pageSize: 64,
        };
        const chunk = { ...q, offset: first * 64, shape: [count, 4, 16] };
        const y = k().attention(chunk, ...paged, null, attrsOf(layout, { compute })).y;
        sameBits(bytesOf(y), expected.slice(first * bytes, (first + count) * bytes));
      }
    }
  });
});

describe.skipIf(!haveNative)('attention and values that are not finite', () => {
  it('rows that do not see them keep their bits, forward and backward; rows that do agree with the reference', () => {
    const [n, heads, kv, d] = [150, 4, 2, 10];
    const { kernels } = native();
    const host = createReferenceBackend();
    const values = (shape: number[], seed: number): Float32Array => {
      const x = host.kernels.random('normal', shape, { seed: [seed, 0], stream: [1, 0] });
      return new Float32Array(
        host
          .readSync(
            x.block,
            0,
            shape.reduce((a, b) => a * b, 4),
          )
          .slice().buffer,
      );
    };
    const [q, k, v, gy] = [
      values([n, heads, d], 1),
      values([n, kv, d], 2),
      values([n, kv, d], 3),
      values([n, heads, d], 4),
    ];
    const upload = (x: Float32Array, h: number): NDArray => ({
      block: native().upload(encodeRaw(x, 'float32')),
      offset: 0,
      shape: [n, h, d],
      dtype: 'float32',
    });
    const bad = [71, 100];
    for (const compute of ['float32', 'bfloat16'] as const) {
      for (const window of [null, 20]) {
        const attrs = attrsOf(layoutOf([n]), { compute, window });
        const run = (dirty: boolean) => {
          const [qs, ks, vs, gs] = [q, k, v, gy].map((x) => x.slice()) as [
            Float32Array,
            Float32Array,
            Float32Array,
            Float32Array,
          ];
          if (dirty) {
            for (const at of bad) {
              vs[at * kv * d + 3] = Number.NaN;
              vs[at * kv * d + d + 1] = Number.POSITIVE_INFINITY;
              ks[at * kv * d + d + 2] = Number.NaN;
              qs[at * heads * d + 5] = Number.NEGATIVE_INFINITY;
              gs[at * heads * d + 7] = Number.NaN;
            }
          }
          const [qa, ka, va, ga] = [upload(qs, heads), upload(ks, kv), upload(vs, kv), upload(gs, heads)];
          const { y, lse } = kernels.attention(qa, ka, va, null, attrs);
          const g = kernels.attentionGrad(qa, ka, va, null, y, lse, ga, attrs);
          return { y, gq: g.gq, gk: g.gk, gv: g.gv };
        };
        const [clean, dirty] = [run(false), run(true)];
        const visible = (p: number, j: number) => j <= p && (window === null || p < j + window);
        // Queries that see a bad key or are bad themselves, and keys that such a query sees.
        const queryTouched = (p: number) => bad.some((b) => visible(p, b));
        const keyTouched = (j: number) =>
          Array.from({ length: n }, (_, p) => p).some((p) => queryTouched(p) && visible(p, j));
        for (const [name, h, touched] of [
          ['y', heads, queryTouched],
          ['gq', heads, queryTouched],
          ['gk', kv, keyTouched],
          ['gv', kv, keyTouched],
        ] as const) {
          const [a, b] = [bytesOf(clean[name]), bytesOf(dirty[name])];
          const width = h * d * 4;
          let checked = 0;
          for (let row = 0; row < n; row++) {
            if (touched(row)) continue;
            checked++;
            expect(
              Buffer.compare(a.slice(row * width, (row + 1) * width), b.slice(row * width, (row + 1) * width)),
              `${name} ${row}`,
            ).toBe(0);
          }
          if (touched === queryTouched || window !== null) expect(checked).toBeGreaterThan(60);
        }
        // And what must not be clean is not: the row of the bad key itself.
        const spoilt = new Float32Array(bytesOf(dirty.y).slice().buffer);
        expect(spoilt[71 * heads * d + 3]).toBeNaN();
      }
    }
  });
});
