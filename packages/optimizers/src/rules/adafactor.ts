import {
  clamp,
  div,
  matmul,
  maximum,
  mean,
  mul,
  norm,
  reciprocal,
  rsqrt,
  square,
  sub,
  copyInPlace,
  type Tensor,
} from '@tessera-llm/tensor';
import { checkSetting, ranges } from '../errors.js';
import { decayInto, shrink } from '../math.js';
import { Optimizer, type OptimizerRule, scaledGrad, type StateTensor } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';

/** Settings of {@link Adafactor}; names and defaults are PyTorch's. */
export interface AdafactorSettings {
  /** The upper bound of the relative step 1 / sqrt(t); default 0.01. */
  readonly lr: number;
  /** The second moment decays by 1 - t^beta2Decay; default -0.8. */
  readonly beta2Decay: number;
  /** The least root of the second moment, and the least scale of a parameter; default [2^-23, 1e-3]. */
  readonly eps: readonly [number, number];
  /** The root mean square that an update may have; default 1. */
  readonly d: number;
  /** wd, decoupled: p = p (1 - lr wd); default 0. */
  readonly weightDecay: number;
}

/** Root mean square of all elements, () float32. */
export const rms = (x: Tensor): Tensor => mul(norm(x), 1 / Math.sqrt(x.size));

/** The update divided by what its root mean square exceeds the threshold by. */
export const clipRms = (update: Tensor, threshold: number): Tensor =>
  div(update, clamp(mul(rms(update), 1 / threshold), { min: 1 }));

/** param -= update * scale with a scale that is a tensor. */
export function descendBy(param: Tensor, update: Tensor, scale: Tensor): void {
  copyInPlace(param, sub(param, mul(update, scale)));
}

function replaced(shape: readonly number[], axis: number): number[] {
  return shape.map((size, i) => (i === shape.length + axis ? 1 : size));
}

const rule: OptimizerRule<AdafactorSettings> = {
  name: 'Adafactor',
  check({ beta2Decay, eps, d, weightDecay }) {
    checkSetting('Adafactor', '-beta2Decay', -beta2Decay, ranges.nonNegative);
    checkSetting('Adafactor', 'eps[0]', eps[0], ranges.nonNegative);
    checkSetting('Adafactor', 'eps[1]', eps[1], ranges.nonNegative);
    checkSetting('Adafactor', 'd', d, ranges.positive);
    checkSetting('Adafactor', 'weightDecay', weightDecay, ranges.nonNegative);
  },
  state({ shape }): Record<string, StateTensor> {
    if (shape.length < 2) return { variance: { shape } };
    return { row_var: { shape: replaced(shape, -1) }, col_var: { shape: replaced(shape, -2) } };
  },
  update(u) {
    const { beta2Decay, eps, d, weightDecay } = u.settings;
    const grad = scaledGrad(u);
    const beta2 = 1 - u.step ** beta2Decay;
    // The scale is that of the parameter before it decays.
    const alpha = mul(maximum(rms(u.param), eps[1]), Math.min(u.lr, 1 / Math.sqrt(u.step)));
    shrink(u.param, u.lr * weightDecay);
    const squares = square(grad);
    let variance: Tensor;
    if (u.param.rank < 2) {
      variance = u.state('variance');
      decayInto(variance, squares, beta2);
    } else {
      const row = u.state('row_var');
      const col = u.state('col_var');
      decayInto(row, mean(squares, { dims: -1, keepdim: true }), beta2);
      decayInto(col, mean(squares, { dims: -2, keepdim: true }), beta2);
      const rowMean = clamp(mean(row, { dims: -2, keepdim: true }), { min: eps[0] });
      variance = mul(matmul(row, col), reciprocal(rowMean));
    }
    const update = mul(rsqrt(clamp(variance, { min: eps[0] ** 2 })), grad);
    descendBy(u.param, clipRms(update, d), alpha);
  },
};

/**
 * Adafactor as PyTorch has it: the second moment of a matrix is kept as row and column means, so that
 * the state of an (M, N) parameter is M + N numbers. More axes are factored over the last two.
 *
 * b2 = 1 - t^beta2Decay, r = b2 r + (1 - b2) mean of g^2 over columns, c the same over rows, v = r c / max(eps1,
 * mean(r)); alpha = max(eps2, RMS(p)) min(lr, 1 / sqrt(t)), u = g / sqrt(max(v, eps1^2)), p = p - alpha u / max(1,
 * RMS(u) / d).
 *
 * State: `row_var` (…, M, 1) and `col_var` (…, 1, N), or `variance` (N) for vectors.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Shazeer and Stern 2018, "Adafactor: adaptive learning rates with sublinear memory cost", arXiv:1804.04235; as
 * `torch.optim.Adafactor`.
 *
 * @example
 * ```ts
 * import { Adafactor } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([[1, 2], [3, 4]]));
 * new Adafactor({ w }, { lr: 0.1 }).step({ w: tensor([[1, 1], [1, 1]]) });
 * console.log(await w.data()); // [0.726, 1.726, 2.726, 3.726]
 * ```
 */
export class Adafactor extends Optimizer<AdafactorSettings> {
  constructor(parameters: Parameters<AdafactorSettings>, settings: Partial<AdafactorSettings> = {}) {
    const defaults: AdafactorSettings = { lr: 0.01, beta2Decay: -0.8, eps: [2 ** -23, 1e-3], d: 1, weightDecay: 0 };
    super(rule, parameters, withDefaults('Adafactor', defaults, settings));
  }
}
