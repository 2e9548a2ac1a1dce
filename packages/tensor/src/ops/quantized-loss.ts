import { record } from '../tape';
import { checkActivations, type QuantizedWeight } from '../quantized/weight';
import { scope } from '../scope';
import { sizeOf } from '../shape';
import { type Tensor, viewOf } from '../tensor';
import { kernelsFor, like, wantShape, wantVector } from './common';
import type { LinearCrossEntropyOptions } from './linear-cross-entropy';
import { crossEntropyAttrs } from './loss-settings';
import { checkQuantized, quantizedInputGradient, type QuantizedLinearOptions, quantizedProduct } from './quantized';
import { targetIndex } from './targets';

/** Rows of logits that stand in memory at a time. Which rows they are changes no result. */
const lossRows = 64;

/** Settings of `quantizedLinearCrossEntropy`. */
export interface QuantizedLinearCrossEntropyOptions
  extends Omit<LinearCrossEntropyOptions, 'compute' | 'reduction'>,
    Pick<QuantizedLinearOptions, 'activations'> {}

/** `count` rows of x from `from`: a view. */
function rowsOf(x: Tensor, from: number, count: number): Tensor {
  const rest = x.shape.slice(1);
  return viewOf(x, [count, ...rest], x.offset + from * sizeOf(rest));
}

/**
 * `linearCrossEntropy` with a quantised weight (V, C): the losses (N) of logits that are made for a few rows at a time
 * and made again for the gradient, which flows to hidden and bias.
 *
 * @throws TensorError `index_out_of_range` for a target outside the vocabulary; `shape`, `dtype`; `value` for a setting
 *   out of its range.
 *
 * @example
 * ```ts
 * import { normal, quantize, quantizedLinearCrossEntropy } from '@tessera-llm/tensor';
 * using weight = await quantize(normal([9, 32], { seed: 1 }), 'Q8_0');
 * const losses = quantizedLinearCrossEntropy(normal([2, 32], { seed: 0 }), weight, new Int32Array([3, -100]));
 * console.log(losses.shape, (await losses.data())[1]); // [2] 0
 * ```
 */
export function quantizedLinearCrossEntropy(
  ...args: readonly [
    hidden: Tensor,
    weight: QuantizedWeight,
    targets: Int32Array | Tensor,
    options?: QuantizedLinearCrossEntropyOptions,
  ]
): Tensor {
  const [hidden, weight, targets, options = {}] = args;
  const op = 'quantizedLinearCrossEntropy';
  const { bias = null } = options;
  const attrs = crossEntropyAttrs(op, options);
  checkQuantized(op, hidden, weight);
  wantShape(op, hidden, 'hidden', [null, null]);
  const [rows, width] = hidden.shape as [number, number];
  const vocabulary = weight.shape[0];
  const activations = checkActivations(op, options.activations ?? weight.activations);
  if (bias !== null) wantVector(op, bias, 'bias', vocabulary);
  const { ignoreIndex } = attrs;
  const index = targetIndex(op, hidden, targets, { rows, classes: vocabulary, ignoreIndex });
  const dense = bias === null ? [hidden] : [hidden, bias];
  const kernels = kernelsFor(op, ...dense, weight.packed, index);

  /** Shows `visit` the logits of a few rows at a time; what it makes is freed. */
  const eachChunk = (visit: (logits: Tensor, part: (x: Tensor) => Tensor) => void): void => {
    for (let from = 0; from < rows; from += lossRows) {
      const count = Math.min(lossRows, rows - from);
      const part = (x: Tensor) => rowsOf(x, from, count);
      scope(() => visit(quantizedProduct(op, part(hidden), weight, { bias, activations }), part));
    }
  };

  const losses = like(hidden, kernels.fill([rows], 'float32', 0));
  const lse = like(hidden, kernels.fill([rows], 'float32', 0));
  eachChunk((logits, part) => {
    const r = kernels.crossEntropy(logits, part(index), attrs);
    kernels.copyInPlace(part(losses), like(hidden, r.losses));
    kernels.copyInPlace(part(lse), like(hidden, r.lse));
  });
  record(op, [losses], dense, [...dense, weight.packed, index, lse], ([gy], needs) => {
    const g = gy as Tensor;
    const ghidden = needs[0] === true ? like(g, kernels.fill([rows, width], 'float32', 0)) : null;
    const gbias = needs[1] === true ? like(g, kernels.fill([vocabulary], 'float32', 0)) : null;
    eachChunk((logits, part) => {
      const glogits = like(g, kernels.crossEntropyGrad(logits, part(index), part(lse), part(g), attrs));
      if (ghidden !== null) kernels.copyInPlace(part(ghidden), quantizedInputGradient(glogits, weight, activations));
      if (gbias !== null) kernels.addInPlace(gbias, like(g, kernels.reduce('sum', glogits, [0])));
    });
    return [ghidden, gbias].slice(0, dense.length);
  });
  return losses;
}
