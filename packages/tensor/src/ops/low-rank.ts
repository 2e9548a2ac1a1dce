import type { Compute, MatmulAttrs } from '../backend/contract';
import { record } from '../autograd';
import { TensorError } from '../errors';
import { showShape } from '../shape';
import type { Tensor } from '../tensor';
import { asOperand, kernelsFor, like, wantDtype, wantFloat, wantShape } from './common';

/** Settings of `addLowRank`. */
export interface LowRankOptions {
  /** (R, K) */
  readonly a: Tensor;
  /** (M, R) */
  readonly b: Tensor;
  /** s; 1. */
  readonly scale?: number;
  /** Precision of the inputs of the three products; sums are float32. Default float32. */
  readonly compute?: Compute;
}

/**
 * y + s (x Aᵀ) Bᵀ, what a low-rank adapter adds to the output y (N, M) of a layer whose input was x (N, K): A (R, K), B (M, R)
 * → (N, M) float32. The matrix B A (M, K) never exists.
 *
 * Gradients flow to y, x, A and B. A row's result does not depend on the other rows.
 *
 * @throws TensorError `shape`, `dtype`, `value` for a scale that is not finite.
 * @see Hu et al. 2021, "LoRA: low-rank adaptation of large language models", arXiv:2106.09685.
 *
 * @example
 * ```ts
 * import { addLowRank, tensor } from '@tessera-llm/tensor';
 * const [x, y] = [tensor([[1, 2]]), tensor([[10, 20, 30]])];
 * const z = addLowRank(y, x, { a: tensor([[1, 1]]), b: tensor([[1], [0], [2]]), scale: 0.5 });
 * console.log(await z.data()); // [11.5, 20, 33]
 * ```
 */
export function addLowRank(y: Tensor, x: Tensor, options: LowRankOptions): Tensor {
  const { a, b, scale = 1, compute = 'float32' } = options;
  for (const [name, tensor] of [['x', x] as const, ['a', a] as const, ['b', b] as const]) {
    wantFloat('addLowRank', tensor, name);
  }
  wantDtype('addLowRank', y, 'y', 'float32');
  wantShape('addLowRank', x, 'x', [null, null]);
  const [rows, k] = x.shape as [number, number];
  wantShape('addLowRank', a, 'a', [null, k]);
  wantShape('addLowRank', b, 'b', [null, a.shape[0] as number]);
  if (y.rank !== 2 || y.shape[0] !== rows || y.shape[1] !== b.shape[0]) {
    throw new TensorError(
      'shape',
      `[addLowRank] expected y of shape (${rows}, ${b.shape[0]}) for x ${showShape(x.shape)} and b ${showShape(b.shape)}, ` +
        `got ${showShape(y.shape)}`,
    );
  }
  if (!Number.isFinite(scale)) {
    throw new TensorError('value', `[addLowRank] expected a finite scale, got ${scale}`);
  }
  const kernels = kernelsFor('addLowRank', y, x, a, b);
  const product = (p: Tensor, q: Tensor, transposed: Pick<MatmulAttrs, 'transposeA' | 'transposeB'>): Tensor =>
    like(y, kernels.matmul(p, q, { ...transposed, compute, out: 'float32' }));
  const inner = (p: Tensor, q: Tensor, transposeB: boolean): Tensor => {
    const h = product(p, q, { transposeA: false, transposeB });
    if (scale !== 1) kernels.scaleInPlace(h, asOperand(h, scale));
    return h;
  };
  const h = inner(x, a, true); // (N, R), with s
  const z = product(h, b, { transposeA: false, transposeB: true }); // (N, M)
  kernels.addInPlace(z, y);
  record('addLowRank', [z], [y, x, a, b], [x, a, b, h], ([gz], needs) => {
    const g = gz as Tensor;
    const gh = needs[1] || needs[2] ? inner(g, b, false) : null;
    return [
      needs[0] ? g : null,
      needs[1] && gh ? product(gh, a, { transposeA: false, transposeB: false }) : null,
      needs[2] && gh ? product(gh, x, { transposeA: true, transposeB: false }) : null,
      needs[3] ? product(g, h, { transposeA: true, transposeB: false }) : null,
    ];
  });
  return z;
}
