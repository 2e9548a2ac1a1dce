import { describe, it } from 'vitest';
import type { AttentionAttrs, AttentionLayout } from '../contract';
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
