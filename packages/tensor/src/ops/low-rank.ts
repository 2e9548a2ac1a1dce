import { record } from '../tape';
import { TensorError } from '../errors';
import { showShape } from '../shape';
import type { Tensor } from '../tensor';
import { kernelsFor, like, wantDtype, wantScale, wantShape } from './common';

/** Settings of `addLowRank`. */
export interface LowRankOptions {
  /** (R, K) */
  readonly a: Tensor;
  /** (M, R) */
  readonly b: Tensor;
  /** s; default 1. LoRA's is alpha / R. */
  readonly scale?: number;
}

/**
 * y + s (x Aᵀ) Bᵀ, what a low-rank adapter adds to the output y (N, M) of a layer whose input was x (N, K): A (R, K), B
 * (M, R) → (N, M), all float32 whatever the layer computes in: the products are small. The matrix B A (M, K) never
 * exists.
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
  const { a, b, scale = 1 } = options;
  for (const [name, operand] of Object.entries({ y, x, a, b })) wantDtype('addLowRank', operand, name, 'float32');
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
  wantScale('addLowRank', scale);
  const factors = { a, b, scale };
  const r = kernelsFor('addLowRank', y, x, a, b).lowRank(y, x, factors);
  const [z, h] = [like(y, r.z), like(y, r.h)];
  record('addLowRank', [z], [y, x, a, b], [x, a, b, h], ([gz], needs) => {
    const g = gz as Tensor;
    const wants = { x: needs[1] === true, a: needs[2] === true, b: needs[3] === true };
    const { gx, ga, gb } = kernelsFor('addLowRank', g).lowRankGrad(x, factors, h, g, wants);
    return [needs[0] ? g : null, ...[gx, ga, gb].map((grad) => grad && like(g, grad))];
  });
  return z;
}
