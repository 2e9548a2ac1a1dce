import { add, copyInPlace, div, mul, sqrt, square, sub } from '@tessera-llm/tensor';
import { checkSetting, ranges } from '../errors.js';
import { decayInto, descend, gradWithDecay } from '../math.js';
import { Optimizer, type OptimizerRule } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';

/** Settings of {@link RMSprop}; names and defaults are PyTorch's. */
export interface RMSpropSettings {
  /** Learning rate; default 0.01. */
  readonly lr: number;
  /** Decay of the average of the squared gradient; default 0.99. */
  readonly alpha: number;
  /** Added to the root; default 1e-8. */
  readonly eps: number;
  /** Times the parameter, added to the gradient; default 0. */
  readonly weightDecay: number;
  /** Decay of a sum of the steps, which then takes their place; default 0: none, and no state. */
  readonly momentum: number;
  /** Divide by the standard deviation instead of the root mean square; default false. */
  readonly centered: boolean;
}

const rule: OptimizerRule<RMSpropSettings> = {
  name: 'RMSprop',
  check({ alpha, eps, weightDecay, momentum }) {
    checkSetting('RMSprop', 'alpha', alpha, ranges.decay);
    checkSetting('RMSprop', 'eps', eps, ranges.nonNegative);
    checkSetting('RMSprop', 'weightDecay', weightDecay, ranges.nonNegative);
    checkSetting('RMSprop', 'momentum', momentum, ranges.nonNegative);
  },
  state({ shape }, { momentum, centered }) {
    return {
      square_avg: { shape },
      ...(centered && { grad_avg: { shape } }),
      ...(momentum > 0 && { momentum_buffer: { shape } }),
    };
  },
  update(u) {
    const { alpha, eps, weightDecay, momentum, centered } = u.settings;
    const grad = gradWithDecay(u, weightDecay);
    const squareAvg = u.state('square_avg');
    decayInto(squareAvg, square(grad), alpha);
    let variance = squareAvg;
    if (centered) {
      const gradAvg = u.state('grad_avg');
      decayInto(gradAvg, grad, alpha);
      variance = sub(squareAvg, square(gradAvg));
    }
    const scaled = div(grad, add(sqrt(variance), eps));
    if (momentum === 0) return descend(u.param, scaled, u.lr);
    const buffer = u.state('momentum_buffer');
    copyInPlace(buffer, add(mul(buffer, momentum), scaled));
    descend(u.param, buffer, u.lr);
  },
};

/**
 * RMSprop: v = alpha v + (1 - alpha) g^2, d = g / (sqrt(v) + eps), p = p - lr d. Centred: a = alpha a + (1 - alpha) g,
 * and v - a^2 in the place of v. With momentum: buf = mu buf + d, p = p - lr buf.
 *
 * State: `square_avg` (v), `grad_avg` (a) if centred, `momentum_buffer` with momentum, of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Tieleman and Hinton 2012, lecture 6.5; as `torch.optim.RMSprop`.
 *
 * @example
 * ```ts
 * import { RMSprop } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * new RMSprop({ w }).step({ w: tensor([1, 0]) });
 * console.log(await w.data()); // [0.9, 2]
 * ```
 */
export class RMSprop extends Optimizer<RMSpropSettings> {
  constructor(parameters: Parameters<RMSpropSettings>, settings: Partial<RMSpropSettings> = {}) {
    const defaults: RMSpropSettings = {
      lr: 0.01,
      alpha: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      momentum: 0,
      centered: false,
    };
    super(rule, parameters, withDefaults('RMSprop', defaults, settings));
  }
}
