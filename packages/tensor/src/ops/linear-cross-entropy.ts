import type { Compute, NDArray } from '../backend/contract';
import { isTracked, noGrad, record } from '../tape';
import { type Tensor, viewOf } from '../tensor';
import { cast } from './cast';
import { kernelsFor, like, wantCompute, wantFloat, wantShape, wantVector } from './common';
import { meanOf, type Reduction, wantReduction } from './loss-reduction';
import { crossEntropyAttrs } from './loss-settings';
import { sum } from './reduce';
import { notIgnored, targetIndex } from './targets';
import { reshape } from './view';

/** Settings of `linearCrossEntropy`. */
export interface LinearCrossEntropyOptions {
  /** (V); default none. */
  readonly bias?: Tensor | null;
  /** Rows with this target give 0 and take no gradient; default -100, PyTorch's. */
  readonly ignoreIndex?: number;
  /** Share of the target given to all classes evenly; default 0. */
  readonly labelSmoothing?: number;
  /** Factor of the logits; default 1. */
  readonly scale?: number;
  /** c · tanh(logit / c) after the scale; default off. */
  readonly softcap?: number | null;
  /** Divides the logits last; default 1. */
  readonly temperature?: number;
  /** Precision of the products' inputs; sums are float32. Default float32. */
  readonly compute?: Compute;
  /**
   * Default none: the loss of each row. `sum` and `mean` (over the targets that are not ignored) know while they make
   * the logits that every loss counts alike, so one pass over these gives the gradients too: a backward pass of a
   * trained projection saves a quarter of its products.
   */
  readonly reduction?: Reduction;
}

/**
 * The cross-entropy of logits = hidden · weightᵀ + bias without ever holding the logits: hidden (N, C), weight (V, C),
 * any float dtypes, targets (N) int32 → losses (N) float32, which are the negative log-probabilities of the targets;
 * ignored rows give 0. With a `reduction`, their sum or mean.
 *
 * @throws TensorError `index_out_of_range` for a target outside the vocabulary; `shape`, `dtype`; `value` for a setting
 *   out of its range.
 * @see Wijmans et al. 2024, "Cut your losses in large-vocabulary language models", arXiv:2411.09009.
 *
 * @example
 * ```ts
 * import { linearCrossEntropy, normal } from '@tessera-llm/tensor';
 * const [hidden, weight] = [normal([2, 4], { seed: 0 }), normal([9, 4], { seed: 1 })];
 * const losses = linearCrossEntropy(hidden, weight, new Int32Array([3, -100]));
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
