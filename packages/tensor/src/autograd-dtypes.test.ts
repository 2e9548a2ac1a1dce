import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from './index';

/** Values that bfloat16 and float16 hold exactly, sums of few of them too. */
const exact = (shape: readonly number[], dtype: t.DType): t.Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) => ((i * 5) % 7) - 3);
  return t.cast(t.reshape(t.tensor(values), shape), dtype);
};

/** Sums (W,) of rows of that width. */
const sums = (values: ArrayLike<number>, width: number): number[] =>
  Array.from({ length: width }, (_, j) =>
    Array.from(values).reduce((sum, v, i) => (i % width === j ? sum + v : sum), 0),
  );

describe.each(t.availableBackends())('gradients of 16-bit values on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  for (const dtype of ['bfloat16', 'float16'] as const) {
    it(`are ${dtype} whatever the ops give, and the sum of all uses`, async () => {
      const w = exact([4, 8], dtype);
      const x = exact([2, 8], 'float32');
      const loss = () => {
        const taken = t.mul(t.embedding(w, Int32Array.of(0, 0, 3, 1)), t.cast(t.tensor([2]), dtype));
        return t.add(t.cast(t.sum(taken), 'float32'), t.sum(t.linear(x, t.cast(w, 'float32'))));
      };
      const [g] = t.grad(loss, [w]) as [t.Tensor];
      expect(g.dtype).toBe(dtype);
      const columns = sums(await x.data(), 8);
      const uses = [2, 1, 0, 1];
      const expected = uses.flatMap((n) => Array.from(columns, (c) => 2 * n + c));
      expect([...(await g.data())]).toEqual(expected);
    });

    it(`pass from products into ops on ${dtype}`, async () => {
      const a = exact([2, 4], dtype);
      const w = exact([3, 4], 'float32');
      for (const product of [
        (x: t.Tensor) => t.linear(x, w, { compute: 'bfloat16' }),
        (x: t.Tensor) => t.matmul(x, t.cast(w, x.dtype), { transposeB: true, compute: 'bfloat16' }),
      ]) {
        const [g] = t.grad(() => t.sum(t.cast(product(t.mul(a, a)), 'float32')), [a]) as [t.Tensor];
        expect(g.dtype).toBe(dtype);
        const columns = sums(await w.data(), 4);
        const values = await a.data();
        expect(Array.from(await g.data(), (v) => v + 0)).toEqual(
          Array.from(values, (v, i) => 2 * v * (columns[i % 4] as number) + 0),
        );
      }
    });
  }

  it('take a gradient from outside in their own dtype', async () => {
    const x = exact([3, 4], 'float32');
    const upstream = exact([3, 4], 'bfloat16');
    const { grads } = t.vjp(() => [t.mul(x, t.tensor([3]))], [x], [upstream]);
    expect(grads[0]?.dtype).toBe('float32');
    const given = await upstream.data();
    expect([...((await grads[0]?.data()) ?? [])]).toEqual(Array.from(given, (v) => 3 * v));
  });
});
