import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agree, haveNative, pair } from './native.test-support';

describe.skipIf(!haveNative)('against the reference backend', () => {
  it('slice, sliceScatter and concat of an axis are the reference ones, bit for bit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.nat(),
        (shape, a, s) => {
          const axis = a % shape.length;
          const start = s % (shape[axis] as number);
          const cut = shape.map((n, i) => (i === axis ? n - start : n));
          const starts = shape.map((_, i) => (i === axis ? start : 0));
          const steps = shape.map(() => 1);
          for (const dtype of ['float32', 'bfloat16', 'uint8'] as const) {
            const [x, y] = [
              pair(
                Array.from({ length: 6561 }, (_, i) => i % 200).slice(
                  0,
                  shape.reduce((p, n) => p * n, 1),
                ),
                shape,
                dtype,
              ),
              pair([], [0], dtype),
            ];
            expect(y.native.dtype).toBe(dtype);
            agree((k, of) => {
              const part = k.slice(of(x), starts, steps, cut);
              return {
                part,
                back: k.sliceScatter(part, starts, steps, shape),
                joined: k.concat([part, of(x), part], axis),
              };
            }, 0);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
