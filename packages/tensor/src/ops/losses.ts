import { TensorError } from '../errors';
import type { Tensor } from '../tensor';
import { softplus } from './activations';
import { add, div, minimum, mul, sub } from './binary';
import { sameDtype, wantFloat } from './common';
import { equal, less } from './compare';
import { reduced, type Reduction, wantReduction } from './loss-reduction';
import { sum } from './reduce';
import { where } from './select';
import { abs, exp, log, neg, square } from './unary';

/**
 * Binary cross-entropy of logits x against targets z in [0, 1], of shapes that broadcast and one float dtype: (1 - z) x
 * + log(1 + e^-x), and where x < 0 the same value as log(1 + e^x) - z x. Neither cancels where the logit is large and
 * right.
 *
 * @param options.reduction Default mean.
 * @throws TensorError `shape` unless the shapes broadcast; `dtype`; `value` for an unknown reduction.
 *
 * @example
 * ```ts
 * import { bceWithLogits, tensor } from '@tessera-llm/tensor';
 * const loss = bceWithLogits(tensor([0, 20]), tensor([1, 1]), { reduction: 'none' });
 * console.log(await loss.data()); // [0.693…, 2.06…e-9]
 * ```
 */
export function bceWithLogits(
  logits: Tensor,
  targets: Tensor,
  options: { readonly reduction?: Reduction } = {},
): Tensor {
  sameDtype('bceWithLogits', logits, targets);
  const below = sub(softplus(logits), mul(logits, targets));
  const above = add(mul(logits, add(neg(targets), 1)), softplus(neg(logits)));
  return reduced('bceWithLogits', where(less(logits, 0), below, above), options.reduction ?? 'mean');
}

/**
 * KL(p ‖ q) = Σ p (log p - log q), as torch's kl_div: `input` holds log q, `target` p or, with `logTarget`, log p; of
 * shapes that broadcast and one float dtype. Elements with p = 0 count 0. `mean` divides by the number of elements,
 * `batchmean` by the first extent: the divergence of a row.
 *
 * @param options.reduction Default mean, as in PyTorch.
 * @param options.logTarget Default false.
 * @throws TensorError `shape` unless the shapes broadcast; `dtype`; `value` for an unknown reduction.
 *
 * @example
 * ```ts
 * import { klDiv, log, tensor } from '@tessera-llm/tensor';
 * const [p, q] = [tensor([[0.5, 0.5]]), tensor([[0.25, 0.75]])];
 * console.log(await klDiv(log(q), p, { reduction: 'batchmean' }).item()); // 0.143…
 * ```
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  options: { readonly reduction?: Reduction | 'batchmean'; readonly logTarget?: boolean } = {},
): Tensor {
  const { reduction = 'mean', logTarget = false } = options;
  wantFloat('klDiv', input, 'input');
  wantReduction('klDiv', reduction, ['batchmean']);
  sameDtype('klDiv', input, target);
  const present = where(equal(target, 0), 1, target);
  const pointwise = logTarget
    ? mul(exp(target), sub(target, input))
    : where(equal(target, 0), 0, mul(present, sub(log(present), input)));
  if (reduction === 'batchmean') return div(sum(pointwise), input.shape[0] ?? 1);
  return reduced('klDiv', pointwise, reduction);
}

/**
 * (input - target)², of shapes that broadcast and one float dtype. Gradients flow to both.
 *
 * @param options.reduction Default mean.
 * @throws TensorError `shape` unless the shapes broadcast; `dtype`; `value` for an unknown reduction.
 *
 * @example
 * ```ts
 * import { mseLoss, tensor } from '@tessera-llm/tensor';
 * console.log(await mseLoss(tensor([1, 2]), tensor([1, 4])).item()); // 2
 * ```
 */
export function mseLoss(input: Tensor, target: Tensor, options: { readonly reduction?: Reduction } = {}): Tensor {
  return reduced('mseLoss', square(sub(input, target)), options.reduction ?? 'mean');
}

/**
 * |input - target|, of shapes that broadcast and one float dtype. Gradients flow to both; they are 0 where the two are
 * equal.
 *
 * @param options.reduction Default mean.
 * @throws TensorError `shape` unless the shapes broadcast; `dtype`; `value` for an unknown reduction.
 *
 * @example
 * ```ts
 * import { l1Loss, tensor } from '@tessera-llm/tensor';
 * console.log(await l1Loss(tensor([1, 2]), tensor([1, 4])).item()); // 1
 * ```
 */
export function l1Loss(input: Tensor, target: Tensor, options: { readonly reduction?: Reduction } = {}): Tensor {
  return reduced('l1Loss', abs(sub(input, target)), options.reduction ?? 'mean');
}

/**
 * d² / (2 beta) where d = |input - target| < beta, else d - beta / 2: the Huber loss divided by beta. Shapes broadcast;
 * one float dtype. With beta 0 it is `l1Loss`.
 *
 * @param options.beta Where the parabola meets the line, default 1 as in PyTorch.
 * @param options.reduction Default mean.
 * @throws TensorError `value` unless beta >= 0, and for an unknown reduction; `shape`, `dtype`.
 * @see Girshick 2015, "Fast R-CNN".
 *
 * @example
 * ```ts
 * import { smoothL1Loss, tensor } from '@tessera-llm/tensor';
 * console.log(await smoothL1Loss(tensor([0, 0]), tensor([1, 3]), { reduction: 'none' }).data()); // [0.5, 2.5]
 * ```
 */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  options: { readonly reduction?: Reduction; readonly beta?: number } = {},
): Tensor {
  const { beta = 1 } = options;
  if (!(beta >= 0)) throw new TensorError('value', `[smoothL1Loss] expected beta >= 0, got ${beta}`);
  if (beta === 0) return l1Loss(input, target, options);
  const d = abs(sub(input, target));
  // Where d is infinite its square's gradient is not wanted, and would be NaN.
  const near = minimum(d, beta);
  const losses = where(less(d, beta), mul(square(near), 0.5 / beta), sub(d, beta / 2));
  return reduced('smoothL1Loss', losses, options.reduction ?? 'mean');
}
