import { type Tensor, cast, defaultBackend, normal } from '@tessera-llm/tensor';
import type { Area, Case } from '../area';
import { timed } from '../timed';

/** (M, N, K): the products of GPT-2 124M over 1,024 tokens, its vocabulary, and a square. */
const shapes = [
  [1024, 768, 768],
  [1024, 3072, 768],
  [1024, 768, 3072],
  [1024, 50257, 768],
  [2048, 2048, 2048],
] as const;

const dtypes = ['float32', 'bfloat16'] as const;

/** Products of plain row-major operands A (M, K) and B (K, N), packing included, in and out in one dtype. */
export const matmul: Area = {
  name: 'matmul',
  about: 'matrix products (M, N, K) of row-major A (M, K) and B (K, N), packing inside the timing',
  cases: () =>
    dtypes.flatMap((dtype) =>
      shapes.map(([m, n, k]): Case => {
        const flops = 2 * m * n * k;
        return {
          name: `${m}x${n}x${k} ${dtype}`,
          dtype,
          compute: dtype,
          figures: [{ name: '', unit: 'GFLOP/s', work: flops / 1e9, ceiling: { kind: dtype, work: flops } }],
          peers: [
            {
              name: dtype === 'float32' ? 'NumPy OpenBLAS' : 'PyTorch oneDNN',
              program: 'python',
              script: 'matmul.py',
              args: { m, n, k, dtype },
            },
          ],
          async open() {
            const backend = defaultBackend();
            const operand = (shape: readonly number[], seed: number): Tensor => cast(normal(shape, { seed }), dtype);
            const [a, b] = [operand([m, k], 1), operand([k, n], 2)];
            const attrs = { transposeA: false, transposeB: false, compute: dtype, out: dtype };
            const once = (): void => backend.free(backend.kernels.matmul(a, b, attrs).block);
            return { run: () => ({ '': timed(once) }) };
          },
        };
      }),
    ),
};
