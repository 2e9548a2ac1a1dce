import type { Activations } from '../backend/contract';
import { isTracked, noGrad, record } from '../tape';
import { TensorError } from '../errors';
import { checkActivations, isQuantizedWeight, type QuantizedWeight } from '../quantized/weight';
import { scope } from '../scope';
import { showShape, sizeOf } from '../shape';
import { kernelsOf } from '../state';
import type { Tensor } from '../tensor';
import { kernelsFor, like, wantFloat, wantIds, wantVector } from './common';
import { type ProductEpilogue, applyEpilogue, checkEpilogue } from './epilogue';
import { narrow } from './slice';
import { reshape } from './view';

/** Settings of `quantizedLinear`. */
export interface QuantizedLinearOptions extends ProductEpilogue {
  /** (M); default none. */
  readonly bias?: Tensor | null;
  /**
   * What becomes of x before the product; default: what the weight says, which is bfloat16 unless it was told
   * otherwise.
   */
  readonly activations?: Activations;
}

/** Rows of the weight that the backward pass dequantises at a time. The sum over outputs adds these parts in order. */
const gradientRows = 2048;

/** @internal Throws unless x (…, K) fits the quantised weight (M, K). */
export function checkQuantized(op: string, x: Tensor, weight: QuantizedWeight): void {
  if (!isQuantizedWeight(weight)) {
    throw new TensorError(
      'value',
      `[${op}] expected a QuantizedWeight; a dense weight goes to linear() or embedding()`,
    );
  }
  wantFloat(op, x);
  const k = weight.shape[1];
  if (x.rank === 0 || x.shape[x.rank - 1] !== k) {
    throw new TensorError(
      'shape',
      `[${op}] expected x of shape (…, ${k}) for weight ${showShape(weight.shape)}, got ${showShape(x.shape)}`,
    );
  }
}

/** @internal g (N, M) · weight (M, K). int8 activations pass the gradient straight through, in bfloat16. */
export function quantizedInputGradient(g: Tensor, weight: QuantizedWeight, activations: Activations): Tensor {
  const [m, k] = weight.shape;
  const kernels = kernelsOf(g.backend);
  const compute = activations === 'float32' ? 'float32' : 'bfloat16';
  const attrs = { transposeA: false, transposeB: false, compute, out: 'float32' } as const;
  let total: Tensor | undefined;
  for (let from = 0; from < m; from += gradientRows) {
    const count = Math.min(gradientRows, m - from);
    const part = noGrad(() =>
      scope(() => {
        const rows = Int32Array.from({ length: count }, (_, i) => from + i);
        const tile = like(g, kernels.quantizedRows(weight, rows));
        return like(
          g,
          kernels.matmul(count === m ? g : narrow(g, { dim: 1, start: from, length: count }), tile, attrs),
        );
      }),
    );
    if (total === undefined) {
      total = part;
    } else {
      kernels.addInPlace(total, part);
      part.dispose();
    }
  }
  return total ?? like(g, kernels.fill([g.shape[0] as number, k], 'float32', 0));
}

/** @internal x (N, K) · weightᵀ + bias and what follows, not on the tape. */
export function quantizedProduct(
  op: string,
  x: Tensor,
  weight: QuantizedWeight,
  settings: {
    readonly bias: Tensor | null;
    readonly activations: Activations;
    readonly then?: ReturnType<typeof checkEpilogue>;
  },
): Tensor {
  const { bias, activations, then = null } = settings;
  const others = [bias, then?.values ?? null].filter((t) => t !== null);
  const kernels = kernelsFor(op, x, weight.packed, ...others);
  const product = [x, weight, bias, activations] as const;
  return like(
    x,
    then === null ? kernels.quantizedLinear(...product) : kernels.quantizedLinearThen(then.after, ...product),
  );
}

/**
 * x Wᵀ + b over the last axis, with W quantised: x (…, K), weight (M, K), bias (M) → (…, M) float32. The weight is
 * multiplied as it lies in memory. Gradients flow to x and bias; the weight is constant.
 *
 * With activations float32 and bfloat16 it equals `linear(x, weight.dequantize(), {bias, compute})` with that compute,
 * and on the native and reference backends it has the same bits. With int8 each group of 32 values of a row of x is
 * rounded to 8 bits, and the gradient passes straight through the rounding. A row's result does not depend on the other
 * rows. What follows the product is as in `linear`.
 *
 * @throws TensorError `shape`, `dtype`, `value`
 * @see Dettmers et al. 2022, "LLM.int8()"; Bengio et al. 2013, "Estimating or propagating gradients through stochastic
 * neurons" (straight-through).
 *
 * @example
 * ```ts
 * import { normal, quantize, quantizedLinear } from '@tessera-llm/tensor';
 * using weight = await quantize(normal([8, 64], { seed: 0 }), 'Q8_0');
 * console.log(quantizedLinear(normal([2, 64], { seed: 1 }), weight, { activations: 'int8' }).shape); // [2, 8]
 * ```
 */
export function quantizedLinear(x: Tensor, weight: QuantizedWeight, options: QuantizedLinearOptions = {}): Tensor {
  const { bias = null } = options;
  checkQuantized('quantizedLinear', x, weight);
  const [m, k] = weight.shape;
  const activations = checkActivations('quantizedLinear', options.activations ?? weight.activations);
  if (bias !== null) wantVector('quantizedLinear', bias, 'bias', m);
  const shape = [...x.shape.slice(0, -1), m];
  const then = checkEpilogue('quantizedLinear', options, shape);
  const rows = reshape(x, [sizeOf(x.shape.slice(0, -1)), k]);
  const inputs = [rows, ...(bias === null ? [] : [bias]), ...(then?.values ? [then.values] : [])];
  if (then !== null && then.after.kind !== 'add' && isTracked(inputs)) {
    return applyEpilogue(quantizedLinear(x, weight, { bias, activations }), options);
  }
  const y = quantizedProduct('quantizedLinear', rows, weight, { bias, activations, then });
  record('quantizedLinear', [y], inputs, [weight.packed], ([gy], needs) => {
    const g = gy as Tensor;
    const grads = [needs[0] ? quantizedInputGradient(g, weight, activations) : null];
    if (bias !== null) grads.push(needs[1] ? like(g, kernelsFor('quantizedLinear', g).reduce('sum', g, [0])) : null);
    if (then !== null) grads.push(g); // of the residual
    return grads;
  });
  return x.rank === 2 ? y : reshape(y, shape);
}

/**
 * Rows of a quantised table, dequantised: weight (V, C) at ids (N) gives (N, C) float32.
 *
 * @throws TensorError `index_out_of_range` for an id outside 0 … V-1, `value` for a table that is not quantised.
 *
 * @example
 * ```ts
 * import { quantize, quantizedRows, tensor } from '@tessera-llm/tensor';
 * using table = await quantize(tensor([[1, 2, 3, 127], [0, 0, 0, 0]]), 'int8');
 * console.log(await quantizedRows(table, new Int32Array([1, 0])).data()); // [0, 0, 0, 0, 1, 2, 3, 127]
 * ```
 */
export function quantizedRows(weight: QuantizedWeight, ids: Int32Array): Tensor {
  if (!isQuantizedWeight(weight)) {
    throw new TensorError('value', '[quantizedRows] expected a QuantizedWeight; a dense table goes to embedding()');
  }
  wantIds('quantizedRows', 'ids', ids);
  const count = weight.shape[0];
  for (const id of ids) {
    if (id < 0 || id >= count) {
      throw new TensorError(
        'index_out_of_range',
        `[quantizedRows] expected ids from 0 to ${count - 1}, got ${id}; is this the model's own tokenizer?`,
      );
    }
  }
  return like(weight.packed, kernelsFor('quantizedRows', weight.packed).quantizedRows(weight, ids));
}
