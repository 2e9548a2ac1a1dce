import { type Tensor, cast, defaultBackend, normal } from '@tessera-llm/tensor';
import type { Area, Case, Peer } from '../area';
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
        const peer = (name: string, library: 'numpy' | 'torch'): Peer => ({
          name,
          program: 'python',
          script: 'matmul.py',
          args: { m, n, k, dtype, library },
        });
        return {
          name: `${m}x${n}x${k} ${dtype}`,
          dtype,
          compute: dtype,
          figures: [{ name: '', unit: 'GFLOP/s', work: flops / 1e9, ceiling: { kind: dtype, work: flops } }],
          // NumPy has no bfloat16.
          peers: [...(dtype === 'float32' ? [peer('NumPy OpenBLAS', 'numpy')] : []), peer('PyTorch', 'torch')],
          async open() {
            const backend = defaultBackend();
            const operand = (shape: readonly number[], seed: number): Tensor => cast(normal(shape, { seed }), dtype);
            const [a, b] = [operand([m, k], 1), operand([k, n], 2)];
            const attrs = { transposeA: false, transposeB: false, compute: dtype, out: dtype };
            // The backend keeps freed memory: after the first call the product goes to pages that are there.
            const once = (): void => backend.free(backend.kernels.matmul(a, b, attrs).block);
            return { run: () => ({ '': timed(once) }) };
          },
        };
      }),
    ),
};
