import {
  abs,
  add,
  clamp,
  copyInPlace,
  isTensor,
  max,
  mul,
  noGrad,
  pow,
  reciprocal,
  scaleInPlace,
  scope,
  sqrt,
  stack,
  sum,
  sumSquares,
  type Tensor,
} from '@tessera-llm/tensor';
import { checkKnown, checkSetting, OptimizerError, ranges } from './errors.js';
import { entriesOf, type NamedTensors } from './parameters.js';

/** Settings of {@link clipCoefficient} and {@link clipGradNorm}. */
export interface ClipNormOptions {
  /** The global norm allowed, > 0 and finite. Language models usually take 1. */
  readonly maxNorm: number;
  /** The p of the norm over all elements of all gradients, > 0; default 2, may be Infinity: the largest of all. */
  readonly normType?: number;
}

/** A clipping decision, made without reading a value on the host. */
export interface ClipResult {
  /** () float32, the global norm before clipping. */
  readonly norm: Tensor;
  /** () float32, at most 1: multiplies every gradient. */
  readonly factor: Tensor;
}

/**
 * The norm of all gradients together and the factor that clips it:
 * factor = min(1, maxNorm / (norm + 1e-6)). Nothing is written; give the factor to `optimizer.step`,
 * which multiplies in the same pass as the update. A gradient with NaN makes the norm and the factor NaN.
 *
 * @param grads Gradients by name, float32.
 * @throws OptimizerError `invalid_setting` unless maxNorm is > 0 and finite, normType > 0, and for unknown options;
 * `invalid_gradient` for none, or something else than a tensor.
 * @see Pascanu et al. 2013, "On the difficulty of training recurrent neural networks"; as `clip_grad_norm_` in PyTorch.
 *
 * @example
 * ```ts
 * import { clipCoefficient } from '@tessera-llm/optimizers';
 * import { tensor } from '@tessera-llm/tensor';
 *
 * const { norm, factor } = clipCoefficient({ w: tensor([3, 0]), b: tensor([4]) }, { maxNorm: 1 });
 * console.log(await norm.item(), await factor.item()); // 5 0.2
 * ```
 */
export function clipCoefficient(grads: NamedTensors, options: ClipNormOptions): ClipResult {
  const op = 'clipGradNorm';
  checkKnown(op, 'options', options, ['maxNorm', 'normType']);
  const { maxNorm, normType = 2 } = options;
  checkSetting(op, 'maxNorm', maxNorm, ranges.positive);
  if (typeof normType !== 'number' || !(normType > 0))
    throw new OptimizerError('invalid_setting', `[${op}] expected normType > 0, got ${normType}`);
  const tensors = entriesOf(grads).map(([name, grad]) => {
    if (isTensor(grad)) return grad;
    throw new OptimizerError('invalid_gradient', `[${op}] expected the gradient of ${name}, got ${String(grad)}`);
  });
  if (tensors.length === 0)
    throw new OptimizerError('invalid_gradient', `[${op}] expected at least one gradient, got none`);
  return noGrad(() =>
    scope(() => {
      const norm = globalNorm(tensors, normType);
      return { norm, factor: clamp(mul(reciprocal(add(norm, 1e-6)), maxNorm), { max: 1 }) };
    }),
  );
}

function globalNorm(tensors: readonly Tensor[], p: number): Tensor {
  if (p === 2) return sqrt(sumSquares(tensors));
  if (p === Number.POSITIVE_INFINITY) return max(stack(tensors.map((x) => max(abs(x)))));
  const powers = tensors.map((x) => sum(p === 1 ? abs(x) : pow(abs(x), p)));
  const total = sum(stack(powers));
  return p === 1 ? total : pow(total, 1 / p);
}

/**
 * Scales gradients in place so that their global norm is at most `maxNorm`; see {@link clipCoefficient},
 * which saves the extra pass over memory.
 *
 * @returns () float32, the norm before clipping.
 * @throws OptimizerError as {@link clipCoefficient}
 *
 * @example
 * ```ts
 * import { clipGradNorm } from '@tessera-llm/optimizers';
 * import { tensor } from '@tessera-llm/tensor';
 *
 * const [w, b] = [tensor([3, 0]), tensor([4])];
 * const norm = clipGradNorm({ w, b }, { maxNorm: 1 });
 * console.log(await norm.item(), await w.data(), await b.data()); // 5 [0.6, 0] [0.8]
 * ```
 */
export function clipGradNorm(grads: NamedTensors, options: ClipNormOptions): Tensor {
  return scope(() => {
    const { norm, factor } = clipCoefficient(grads, options);
    for (const [, grad] of entriesOf(grads)) scaleInPlace(grad, factor);
    return norm;
  });
}

/**
 * Cuts every element of the gradients to [-clipValue, clipValue], in place.
 *
 * @throws OptimizerError `invalid_setting` unless clipValue is > 0 and finite.
 *
 * @example
 * ```ts
 * import { clipGradValue } from '@tessera-llm/optimizers';
 * import { tensor } from '@tessera-llm/tensor';
 *
 * const w = tensor([3, -0.25]);
 * clipGradValue({ w }, 0.5);
 * console.log(await w.data()); // [0.5, -0.25]
 * ```
 */
export function clipGradValue(grads: NamedTensors, clipValue: number): void {
  checkSetting('clipGradValue', 'clipValue', clipValue, ranges.positive);
  noGrad(() =>
    scope(() => {
      for (const [, grad] of entriesOf(grads)) copyInPlace(grad, clamp(grad, { min: -clipValue, max: clipValue }));
    }),
  );
}
