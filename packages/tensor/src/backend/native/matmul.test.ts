import fc from 'fast-check';
import { describe, it } from 'vitest';
import { agree, haveNative, normalPair } from './native.test-support';

const floats = ['float32', 'bfloat16', 'float16'] as const;

describe.skipIf(!haveNative)('against the reference backend', () => {
  it('matrix products of any shape, transposition, batch and precision', () => {
    const extent = fc.integer({ min: 0, max: 70 });
    const shape = fc.tuple(
      extent,
      extent,
      fc.oneof(extent, fc.integer({ min: 250, max: 270 })),
      fc.constantFrom([], [2], [2, 3], [1, 3]),
    );
    fc.assert(
      fc.property(shape, fc.boolean(), fc.boolean(), fc.boolean(), ([m, n, k, lead], transposeA, transposeB, round) => {
        const a = normalPair([...lead, ...(transposeA ? [k, m] : [m, k])], 1);
        const b = normalPair(transposeB ? [n, k] : [k, n], 2);
        const compute = round ? 'bfloat16' : 'float32';
        // Sums of 270 products of normal values come to 50 and more, whose float32 neighbours are 4e-6 apart.
        agree(
          (kernels, of) => ({ y: kernels.matmul(of(a), of(b), { transposeA, transposeB, compute, out: 'float32' }) }),
          5e-5,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('products of narrow operands and results; linear with a bias', () => {
    for (const dtype of floats) {
      const [x, w] = [normalPair([5, 19], 3, dtype), normalPair([7, 19], 4, dtype)];
      const [bias, across] = [normalPair([7], 5, dtype), normalPair([19, 7], 6, dtype)];
      const attrs = { transposeA: false, transposeB: true, compute: 'float32' } as const;
      agree((k, of) => ({
        y: k.linear(of(x), of(w), of(bias), 'float32'),
        z: k.linear(of(x), of(w), null, 'bfloat16'),
        across: k.linear(of(x), of(across), of(bias), 'float32', true),
      }));
      for (const out of floats) agree((k, of) => ({ y: k.matmul(of(x), of(w), { ...attrs, out }) }), 1e-2);
    }
  });
});
