import type { Compute, NDArray } from '../backend/contract';
import { detach, isTracked, noGrad, record } from '../tape';
import { TensorError } from '../errors';
import { sizeOf } from '../shape';
import { type Tensor, viewOf } from '../tensor';
import { kernelsFor, like, sameDtype, wantCompute, wantFloat, wantShape, wantVector } from './common';
import { abs, add, div, equal, exp, less, log, minimum, mul, neg, softplus, square, sub, where } from './elementwise';
import { cast, float32, gather } from './indexing';
import { crossEntropyAttrs, type Reduction, targetIndex, wantReduction } from './loss-settings';
import { mean } from './moments';
import { sum } from './reduce';
import { logSoftmax } from './softmax';
import { reshape } from './view';

function reduced(op: string, losses: Tensor, reduction: Reduction): Tensor {
  wantReduction(op, reduction);
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : mean(losses);
}

/** The mean of `count` losses from their sum. Of none it is NaN, as PyTorch's, and its gradient 0. */
function meanOf(total: Tensor, count: Tensor): Tensor {
  return where(equal(count, 0), Number.NaN, div(total, where(equal(count, 0), 1, count)));
}

/** Settings of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** Default mean: over the targets that are not ignored (over their class weights, if given). */
  readonly reduction?: Reduction;
  /** Default -100, PyTorch's. */
  readonly ignoreIndex?: number;
  /** Share of the target given to all classes evenly; default 0. */
  readonly labelSmoothing?: number;
  /** Weight of each class (V). */
  readonly weight?: Tensor;
}

/**
 * -log softmax(logits)[target] for logits (…, V) and targets (…) of int32, as torch's cross_entropy. With label
 * smoothing e: (1 - e) · nll + e · mean over classes of -log p.
 *
 * @throws TensorError `index_out_of_range` for a target outside the classes.
 *
 * @example
 * ```ts
 * import { crossEntropy, tensor } from '@tessera-llm/tensor';
 * const loss = crossEntropy(tensor([[0, 0], [9, 9]]), new Int32Array([1, -100]));
 * console.log(await loss.item()); // log 2: the second row is ignored
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

function notIgnored(index: Tensor, ignoreIndex: number): Tensor {
  const k = kernelsFor('crossEntropy', index);
  return like(index, k.compare('ne', index, like(index, k.fill([], 'int32', ignoreIndex))));
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
  // Ignored rows look up class 0, and count 0 whatever stands there: 0 times the infinite loss of a masked class is NaN.
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

/** Cross-entropy against a distribution: -Σ target · log softmax(logits) over the last axis. */
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

/** Settings of `linearCrossEntropy`. */
export interface LinearCrossEntropyOptions {
  readonly bias?: Tensor | null;
  readonly ignoreIndex?: number;
  readonly labelSmoothing?: number;
  /** Factor of the logits; default 1. */
  readonly scale?: number;
  /** c · tanh(logit / c) after the scale; default off. */
  readonly softcap?: number | null;
  /** Divides the logits last; default 1. */
  readonly temperature?: number;
  readonly compute?: Compute;
  /**
   * Default none: the loss of each row. `sum` and `mean` (over the targets that are not ignored) know while they make the
   * logits that every loss counts alike, so one pass over these gives the gradients too: a backward pass of a trained
   * projection saves a quarter of its products.
   */
  readonly reduction?: Reduction;
}

/**
 * The cross-entropy of logits = hidden · weightᵀ + bias without ever holding the logits: hidden (N, C), weight (V, C),
 * targets (N) → losses (N), which are the negative log-probabilities of the targets; ignored rows give 0. With a
 * `reduction`, their sum or mean.
 *
 * @throws TensorError `index_out_of_range` for a target outside the vocabulary.
 *
 * @example
 * ```ts
 * import { linearCrossEntropy, normal, sum } from '@tessera-llm/tensor';
 * const losses = linearCrossEntropy(normal([2, 4], { seed: 0 }), normal([9, 4], { seed: 1 }), new Int32Array([3, -100]));
 * console.log(losses.shape, (await losses.data())[1]); // [2] 0
 * ```
 */
export function linearCrossEntropy(
  ...args: readonly [hidden: Tensor, weight: Tensor, targets: Int32Array | Tensor, options?: LinearCrossEntropyOptions]
): Tensor {
  const [hidden, weight, targets, options = {}] = args;
  const { bias = null, compute = 'float32', reduction = 'none' } = options;
  const attrs = crossEntropyAttrs('linearCrossEntropy', options);
  const { ignoreIndex } = attrs;
  wantReduction('linearCrossEntropy', reduction);
  wantCompute('linearCrossEntropy', compute);
  wantFloat('linearCrossEntropy', hidden, 'hidden');
  wantFloat('linearCrossEntropy', weight, 'weight');
  wantShape('linearCrossEntropy', hidden, 'hidden', [null, null]);
  wantShape('linearCrossEntropy', weight, 'weight', [null, hidden.shape[1] as number]);
  const vocabulary = weight.shape[0] as number;
  if (bias !== null) wantVector('linearCrossEntropy', bias, 'bias', vocabulary);
  const rows = hidden.shape[0] as number;
  const index = targetIndex('linearCrossEntropy', hidden, targets, { rows, classes: vocabulary, ignoreIndex });
  const inputs = bias === null ? [hidden, weight] : [hidden, weight, bias];
  const kernels = kernelsFor('linearCrossEntropy', ...inputs, index);
  if (reduction !== 'none') {
    const total = isTracked(inputs) ? summed() : sum(plain());
    return reduction === 'sum' ? total : meanOf(total, sum(cast(notIgnored(index, ignoreIndex), 'float32')));
  }
  return isTracked([hidden]) && !isTracked(inputs.slice(1)) ? frozen() : plain();

  function plain(): Tensor {
    const r = kernels.linearCrossEntropy(hidden, weight, bias, index, compute, attrs);
    const losses = like(hidden, r.losses);
    const lse = like(hidden, r.lse);
    record('linearCrossEntropy', [losses], inputs, [...inputs, index, lse], ([gy], needs) => {
      const wants = { hidden: needs[0] === true, weight: needs[1] === true, bias: needs[2] === true };
      const g = kernels.linearCrossEntropyGrad(hidden, weight, bias, index, lse, gy as Tensor, compute, attrs, wants);
      return [g.ghidden, g.gweight, g.gbias].slice(0, inputs.length).map((x) => x && like(hidden, x));
    });
    return losses;
  }

  // The projection is frozen: one pass over the logits gives the losses and what their gradients need.
  function frozen(): Tensor {
    const wants = { hidden: true, weight: false, bias: false };
    const both = kernels.linearCrossEntropyBoth(hidden, weight, bias, index, compute, attrs, wants);
    const [losses, own] = [like(hidden, both.losses), like(hidden, both.ghidden as NDArray)];
    like(hidden, both.lse).dispose();
    record('linearCrossEntropy', [losses], [hidden], [own], ([gy]) => {
      const g = gy as Tensor;
      const rows = like(g, kernels.broadcastTo(reshape(g, [own.shape[0] as number, 1]), own.shape));
      return [like(g, kernels.binary('mul', own, rows))];
    });
    return losses;
  }

  // The gradients of the sum come with it, and are scaled when its own gradient is known.
  function summed(): Tensor {
    const tracked = inputs.filter((x) => isTracked([x]));
    const wants = {
      hidden: isTracked([hidden]),
      weight: isTracked([weight]),
      bias: bias !== null && isTracked([bias]),
    };
    const both = kernels.linearCrossEntropyBoth(hidden, weight, bias, index, compute, attrs, wants);
    const [losses, lse] = [like(hidden, both.losses), like(hidden, both.lse)];
    const total = noGrad(() => sum(losses));
    for (const x of [losses, lse]) x.dispose();
    const owns = [both.ghidden, both.gweight, both.gbias].flatMap((x) => (x === null ? [] : [like(hidden, x)]));
    // Nothing else reads them, and the weight's is as large as the weight: they are scaled where they lie.
    record('linearCrossEntropy', [total], tracked, owns, ([gy]) =>
      owns.map((own) => {
        kernels.scaleInPlace(own, gy as Tensor);
        return viewOf(own, own.shape);
      }),
    );
    return total;
  }
}

/**
 * Binary cross-entropy of logits x against targets z in [0, 1]: (1 - z) x + log(1 + e^-x), and where x < 0 the same value as
 * log(1 + e^x) - z x. Neither cancels where the logit is large and right.
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
 * KL(target ‖ input), as torch's kl_div: `input` holds log-probabilities, `target` probabilities or, with `logTarget`,
 * log-probabilities. Elements with target 0 count 0. `batchmean` divides the sum by the first extent.
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

/** (input - target)². */
export function mseLoss(input: Tensor, target: Tensor, options: { readonly reduction?: Reduction } = {}): Tensor {
  return reduced('mseLoss', square(sub(input, target)), options.reduction ?? 'mean');
}

/** |input - target|. */
export function l1Loss(input: Tensor, target: Tensor, options: { readonly reduction?: Reduction } = {}): Tensor {
  return reduced('l1Loss', abs(sub(input, target)), options.reduction ?? 'mean');
}

/** d² / (2 beta) where d = |input - target| < beta, else d - beta / 2. beta default 1. */
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

/** Negative log-likelihood of targets (N) under log-probabilities (N, V). */
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
