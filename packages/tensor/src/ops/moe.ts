import type { Compute, GateFn } from '../backend/contract';
import { noGrad, record } from '../tape';
import { TensorError } from '../errors';
import { scope } from '../scope';
import { showShape } from '../shape';
import type { Tensor } from '../tensor';
import { sigmoid } from './activations';
import { add, div, mul } from './binary';
import { cast, float32 } from './cast';
import { kernelsFor, like, wantCompute, wantFloat, wantGate, wantOneOf, wantShape, wantVector } from './common';
import { equal } from './compare';
import { gather, scatterAdd } from './indexing';
import { max, sum } from './reduce';
import { where } from './select';
import { broadcastTo } from './shape';
import { softmax } from './softmax';
import { topk } from './sort';
import { reshape } from './view';

/**
 * The E experts of a mixture, stacked as transformers 5 keeps them. Checkpoints hold one matrix per expert and name:
 * `gateUp` is `gate_proj` (Mixtral's `w1`) over `up_proj` (`w3`) of each expert, `down` is `down_proj` (`w2`).
 */
export interface MoeExperts {
  /** (E, 2F, C), the F rows of the gate first; (E, F, C) for experts without a gate. float32 or bfloat16. */
  readonly gateUp: Tensor;
  /** (E, C, F). */
  readonly down: Tensor;
  /** (E, 2F) or (E, F). */
  readonly gateUpBias?: Tensor | null;
  /** (E, C). */
  readonly downBias?: Tensor | null;
}

/** How router logits become experts and their weights; the names are those of Hugging Face configs in camelCase. */
export interface MoeRouting {
  /** K, `num_experts_per_tok`. */
  readonly numExpertsPerTok: number;
  /** `scoring_func`: scores are the softmax over all experts, or each expert's sigmoid. Default softmax. */
  readonly scoringFunc?: 'softmax' | 'sigmoid';
  /**
   * `norm_topk_prob`: the K scores are divided by their sum (sigmoid: plus 1e-20). Default true, as in Mixtral. With
   * softmax this is the softmax after the selection, over the K logits alone (gpt-oss, GraniteMoe); false is the
   * softmax before it.
   */
  readonly normTopkProb?: boolean;
  /** `routed_scaling_factor`, applied to the weights last. Default 1. */
  readonly routedScalingFactor?: number;
  /** `e_score_correction_bias` (E): added to the scores for the selection only; no gradient. */
  readonly eScoreCorrectionBias?: Tensor | null;
  /**
   * `n_group`: experts stand in so many equal groups, and only the best `topkGroup` of these are selected from. Default
   * 1.
   */
  readonly nGroup?: number;
  /** `topk_group`. Default `nGroup`. */
  readonly topkGroup?: number;
  /**
   * `topk_method`: a group counts by the sum of its two best (`noaux_tc`, DeepSeek-V3) or by its best
   * (`group_limited_greedy`, DeepSeek-V2). Default noaux_tc.
   */
  readonly topkMethod?: 'noaux_tc' | 'group_limited_greedy';
}

/** Settings of `moe`. */
export interface MoeOptions extends MoeRouting {
  /** act of the experts: down(act(gate) · up), without a gate down(act(up)). Default silu. */
  readonly activation?: GateFn;
  /** Precision of the inputs of the experts' products; sums are float32. Default float32. */
  readonly compute?: Compute;
}

function wantCount(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new TensorError('value', `[moe] expected ${name} from 1 to ${most}, got ${value}`);
}

/** Scores with those of experts outside the best groups at -Infinity. */
function groupLimited(scores: Tensor, groups: number, kept: number, method: MoeRouting['topkMethod']): Tensor {
  const [rows, experts] = scores.shape as [number, number];
  const size = experts / groups;
  if (!Number.isInteger(size) || (method !== 'group_limited_greedy' && size < 2)) {
    throw new TensorError(
      'value',
      `[moe] expected nGroup to cut ${experts} experts into groups of ${method === 'group_limited_greedy' ? '' : 'two or more '}equal size, got ${groups}`,
    );
  }
  const apart = reshape(scores, [rows, groups, size]);
  const strength =
    method === 'group_limited_greedy' ? max(apart, { dims: 2 }) : sum(topk(apart, 2).values, { dims: 2 });
  const best = topk(strength, kept).indices;
  const marks = scatterAdd(mul(strength, 0), best, { dim: 1, src: add(mul(cast(best, 'float32'), 0), 1) });
  const spread = broadcastTo(reshape(marks, [rows, groups, 1]), [rows, groups, size]);
  return where(equal(reshape(spread, [rows, experts]), 0), Number.NEGATIVE_INFINITY, scores);
}

/**
 * The experts of each row and their weights, (N, K) each: the K best scores, ties to the lower index, best first. The
 * gradient of the weights flows to the logits; the selection has none.
 *
 * @param logits Router logits (N, E), before any softmax.
 * @throws TensorError `value`, `shape`
 *
 * @example
 * ```ts
 * import { routeExperts, tensor } from '@tessera-llm/tensor';
 * const { indices, weights } = routeExperts(tensor([[1, 3, 3]]), { numExpertsPerTok: 2 });
 * console.log(await indices.data(), await weights.data()); // [1, 2] [0.5, 0.5]
 * ```
 */
export function routeExperts(logits: Tensor, routing: MoeRouting): { indices: Tensor; weights: Tensor } {
  wantFloat('moe', logits, 'router logits');
  wantShape('moe', logits, 'router logits', [null, null]);
  const experts = logits.shape[1] as number;
  const { numExpertsPerTok: k, scoringFunc = 'softmax', normTopkProb = true, nGroup = 1 } = routing;
  const { eScoreCorrectionBias: bias = null, topkGroup = nGroup, routedScalingFactor = 1 } = routing;
  wantOneOf('moe', 'scoringFunc', scoringFunc, ['softmax', 'sigmoid']);
  wantOneOf('moe', 'topkMethod', routing.topkMethod ?? 'noaux_tc', ['noaux_tc', 'group_limited_greedy']);
  wantCount('numExpertsPerTok', k, experts);
  wantCount('nGroup', nGroup, experts);
  wantCount('topkGroup', topkGroup, nGroup);
  if (bias !== null) wantVector('moe', bias, 'eScoreCorrectionBias', experts);
  const x = float32(logits);
  const score = (): Tensor => (scoringFunc === 'sigmoid' ? sigmoid(x) : softmax(x));
  const indices = scope(() =>
    noGrad(() => {
      // Both scores ascend with the logits, which alone have ties only where the model made them.
      if (bias === null && topkGroup === nGroup) return topk(x, k).indices;
      const scores = bias === null ? score() : add(score(), float32(bias));
      const open = topkGroup < nGroup ? groupLimited(scores, nGroup, topkGroup, routing.topkMethod) : scores;
      return topk(open, k).indices;
    }),
  );
  const pick = (values: Tensor): Tensor => gather(values, indices, { dim: 1 });
  let weights: Tensor;
  if (scoringFunc === 'softmax') weights = normTopkProb ? softmax(pick(x)) : pick(score());
  else {
    weights = sigmoid(pick(x));
    if (normTopkProb) weights = div(weights, add(sum(weights, { dims: 1, keepdim: true }), 1e-20));
  }
  return { indices, weights: routedScalingFactor === 1 ? weights : mul(weights, routedScalingFactor) };
}

/** The experts in the dtypes that kernels take, and what they say about each other. */
function checkedExperts(width: number, count: number, experts: MoeExperts) {
  const { gateUp, down, gateUpBias = null, downBias = null } = experts;
  wantFloat('moe', gateUp, 'gateUp');
  wantFloat('moe', down, 'down');
  wantShape('moe', down, 'down', [count, width, null]);
  wantShape('moe', gateUp, 'gateUp', [count, null, width]);
  const [rows, inside] = [gateUp.shape[1] as number, down.shape[2] as number];
  if (rows !== inside && rows !== 2 * inside) {
    throw new TensorError(
      'shape',
      `[moe] expected gateUp of shape (${count}, ${2 * inside}, ${width}), or (${count}, ${inside}, ${width}) without gates, for down ${showShape(down.shape)}, got ${showShape(gateUp.shape)}`,
    );
  }
  for (const [bias, name, extent] of [
    [gateUpBias, 'gateUpBias', rows],
    [downBias, 'downBias', width],
  ] as const) {
    if (bias === null) continue;
    wantFloat('moe', bias, name);
    wantShape('moe', bias, name, [count, extent]);
  }
  const matrix = (w: Tensor): Tensor => (w.dtype === 'float16' ? cast(w, 'float32') : w);
  return {
    gateUp: matrix(gateUp),
    down: matrix(down),
    gateUpBias: gateUpBias && float32(gateUpBias),
    downBias: downBias && float32(downBias),
  };
}

/**
 * A sparse mixture of experts: each row of x goes through the K experts that its router logits select, and gets the sum
 * of their results by weight, in ascending order of the experts. The work grows with K, not with E. A row's result
 * depends on that row alone.
 *
 * @param x (N, C).
 * @param router Logits (N, E), usually `linear(x, gate)`; differentiable through the weights.
 * @param experts Stacked; every expert's gradient has full size, zeros where no row came.
 * @returns (N, C) float32.
 * @throws TensorError `shape`, `dtype`, `value`
 * @see Shazeer et al. 2017, "Outrageously large neural networks"; Jiang et al. 2024, "Mixtral of experts".
 *
 * @example
 * ```ts
 * import { moe, ones, tensor } from '@tessera-llm/tensor';
 * const experts = { gateUp: ones([3, 4, 2]), down: ones([3, 2, 2]) };
 * const y = moe(tensor([[1, 1]]), tensor([[0, 2, 1]]), experts, { numExpertsPerTok: 2, activation: 'relu' });
 * console.log(await y.data()); // [8, 8]: every expert is the same here
 * ```
 */
export function moe(x: Tensor, router: Tensor, experts: MoeExperts, options: MoeOptions): Tensor {
  const { activation = 'silu', compute = 'float32' } = options;
  wantGate('moe', activation);
  wantCompute('moe', compute);
  wantFloat('moe', x);
  wantShape('moe', x, 'x', [null, null]);
  const [rows, width] = x.shape as [number, number];
  wantShape('moe', router, 'router logits', [rows, null]);
  const stack = checkedExperts(width, router.shape[1] as number, experts);
  const source = float32(x);
  const { indices, weights } = routeExperts(router, options);
  const { gateUp, gateUpBias, down, downBias } = stack;
  const biases = [gateUpBias, downBias].filter((b) => b !== null);
  const attrs = { activation, compute };
  const made = kernelsFor('moe', source, weights, gateUp, down, ...biases).moe(source, indices, weights, stack, attrs);
  const [y, inner] = [like(x, made.y), like(x, made.inner)];
  const inputs = [source, weights, gateUp, down, ...biases];
  record('moe', [y], inputs, [source, indices, weights, gateUp, down, ...biases, inner], ([gy], needs) => {
    const needed = (input: Tensor | null): boolean => input !== null && needs[inputs.indexOf(input)] === true;
    const wants = {
      x: needed(source),
      weights: needed(weights),
      gateUp: needed(gateUp),
      gateUpBias: needed(gateUpBias),
      down: needed(down),
      downBias: needed(downBias),
    };
    const k = kernelsFor('moe', gy as Tensor);
    const g = k.moeGrad(source, indices, weights, stack, inner, gy as Tensor, attrs, wants);
    const grads = [g.gx, g.gweights, g.ggateUp, g.gdown];
    if (gateUpBias !== null) grads.push(g.ggateUpBias);
    if (downBias !== null) grads.push(g.gdownBias);
    return grads.map((array) => array && like(x, array));
  });
  return y;
}
