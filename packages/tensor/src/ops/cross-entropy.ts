import { TensorError } from '../errors';
import { sizeOf } from '../shape';
import { detach, record } from '../tape';
import type { Tensor } from '../tensor';
import { add, mul } from './binary';
import { cast, float32 } from './cast';
import { kernelsFor, like, sameDtype, wantFloat, wantShape, wantVector } from './common';
import { equal } from './compare';
import { gather } from './indexing';
import { meanOf, reduced, type Reduction, wantReduction } from './loss-reduction';
import { crossEntropyAttrs } from './loss-settings';
import { mean } from './moments';
import { sum } from './reduce';
import { where } from './select';
import { logSoftmax } from './softmax';
import { notIgnored, targetIndex } from './targets';
import { neg } from './unary';
import { reshape } from './view';

/** Settings of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** Default mean: over the targets that are not ignored (over their class weights, if given). */
  readonly reduction?: Reduction;
  /** Rows with this target give 0 and take no gradient; default -100, PyTorch's. */
  readonly ignoreIndex?: number;
  /** Share of the target given to all classes evenly; default 0. */
  readonly labelSmoothing?: number;
  /** Weight of each class (V); no gradient flows to it. Default none: 1 for each. */
  readonly weight?: Tensor;
}

/**
 * -log softmax(logits)[target] for logits (…, V) of a float dtype and targets (…) of int32, as torch's cross_entropy;
 * float32. With label smoothing e: (1 - e) · nll + e · mean over classes of -log p. The mean over no targets is NaN.
 *
 * @throws TensorError `index_out_of_range` for a target outside the classes; `shape`, `dtype`; `value` for a setting
 *   out of its range.
 * @see Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision" (label smoothing).
 *
 * @example
 * ```ts
 * import { crossEntropy, tensor } from '@tessera-llm/tensor';
 * const loss = crossEntropy(tensor([[0, 0], [9, 9]]), new Int32Array([1, -100]));
 * // log 2: the second row is ignored
 * console.log(await loss.item()); // 0.693…
 * ```
 */
export function crossEntropy(logits: Tensor, targets: Int32Array | Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0, weight } = options;
  wantFloat('crossEntropy', logits, 'logits');
  const classes = logits.shape[logits.rank - 1];
  const lead = logits.shape.slice(0, -1);
  if (classes === undefined) throw new TensorError('shape', '[crossEntropy] expected logits (…, V), got a scalar');
  wantReduction('crossEntropy', reduction);
  const attrs = crossEntropyAttrs('crossEntropy', { ignoreIndex, labelSmoothing });
  const rows = reshape(logits, [sizeOf(lead), classes]);
  const index = targetIndex('crossEntropy', logits, targets, { rows: sizeOf(lead), classes, ignoreIndex });
  const kept = cast(notIgnored(index, ignoreIndex), 'float32');
  if (weight !== undefined) return weightedCrossEntropy({ rows, index, kept, weight, reduction, labelSmoothing, lead });
  const r = kernelsFor('crossEntropy', rows, index).crossEntropy(rows, index, attrs);
  const losses = like(logits, r.losses);
  const lse = like(logits, r.lse);
  record('crossEntropy', [losses], [rows], [rows, index, lse], ([gy]) => [
    like(rows, kernelsFor('crossEntropy', rows).crossEntropyGrad(rows, index, lse, gy as Tensor, attrs)),
  ]);
  if (reduction === 'none') return reshape(losses, lead);
  return reduction === 'sum' ? sum(losses) : meanOf(sum(losses), sum(kept));
}

function weightedCrossEntropy(p: {
  rows: Tensor;
  index: Tensor;
  kept: Tensor;
  weight: Tensor;
  reduction: Reduction;
  labelSmoothing: number;
  lead: readonly number[];
}): Tensor {
  const { rows, index, kept, labelSmoothing } = p;
  const classes = rows.shape[1] as number;
  wantVector('crossEntropy', p.weight, 'weight', classes);
  // Losses are float32, as those without weights.
  const logs = logSoftmax(float32(rows));
  const weight = detach(float32(p.weight));
  // Ignored rows look up class 0, and count 0 whatever stands there: 0 times the infinite loss of a masked class is
  // NaN.
  const ignored = equal(kept, 0);
  const safe = where(ignored, kernelZero(index), index);
  const column = reshape(safe, [index.size, 1]);
  const rowWeights = mul(like(weight, kernelsFor('crossEntropy', weight).indexSelect(weight, safe, 0)), kept);
  const nll = mul(neg(reshape(gather(logs, column, { dim: 1 }), [index.size])), rowWeights);
  const all =
    labelSmoothing === 0
      ? nll
      : add(mul(nll, 1 - labelSmoothing), mul(neg(mean(mul(logs, weight), { dims: 1 })), labelSmoothing));
  const losses = where(ignored, 0, all);
  if (p.reduction === 'none') return reshape(losses, p.lead);
  return p.reduction === 'sum' ? sum(losses) : meanOf(sum(losses), sum(rowWeights));
}

function kernelZero(index: Tensor): Tensor {
  return like(index, kernelsFor('crossEntropy', index).fill([], 'int32', 0));
}

/**
 * Cross-entropy against a distribution, -Σ p · log softmax(logits) over the last axis: logits and p (…, V) of one float
 * dtype → (…), reduced. p is taken as it is, its sum not checked. Gradients flow to both.
 *
 * @param options.reduction Default mean.
 * @throws TensorError `shape`, `dtype`; `value` for an unknown reduction.
 * @see Hinton et al. 2015, "Distilling the knowledge in a neural network".
 *
 * @example
 * ```ts
 * import { softCrossEntropy, tensor } from '@tessera-llm/tensor';
 * const loss = softCrossEntropy(tensor([[0, 0]]), tensor([[0.25, 0.75]]));
 * console.log(await loss.item()); // 0.693…
 * ```
 */
export function softCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: { readonly reduction?: Reduction } = {},
): Tensor {
  sameDtype('softCrossEntropy', logits, targets);
  wantShape('softCrossEntropy', targets, 'targets', logits.shape);
  return reduced(
    'softCrossEntropy',
    neg(sum(mul(logSoftmax(logits), targets), { dims: -1 })),
    options.reduction ?? 'mean',
  );
}

/**
 * Negative log-likelihood -logProbs[target] of targets (N) int32 under log-probabilities (N, V). For logits
 * `crossEntropy` is one step, and can ignore rows.
 *
 * @param options.reduction Default mean.
 * @throws TensorError `index_out_of_range` for a target outside the classes; `shape`, `dtype`; `value` for an unknown
 *   reduction.
 *
 * @example
 * ```ts
 * import { logSoftmax, nllLoss, tensor } from '@tessera-llm/tensor';
 * const logProbs = logSoftmax(tensor([[0, 0], [0, Math.log(3)]]));
 * console.log(await nllLoss(logProbs, new Int32Array([0, 1]), { reduction: 'none' }).data()); // [0.693…, 0.287…]
 * ```
 */
export function nllLoss(
  logProbs: Tensor,
  targets: Int32Array | Tensor,
  options: { readonly reduction?: Reduction } = {},
): Tensor {
  wantFloat('nllLoss', logProbs, 'logProbs');
  wantShape('nllLoss', logProbs, 'logProbs', [null, null]);
  const [rows, classes] = logProbs.shape as [number, number];
  const column = reshape(targetIndex('nllLoss', logProbs, targets, { rows, classes }), [rows, 1]);
  const losses = neg(reshape(gather(logProbs, column, { dim: 1 }), [rows]));
  return reduced('nllLoss', losses, options.reduction ?? 'mean');
}
