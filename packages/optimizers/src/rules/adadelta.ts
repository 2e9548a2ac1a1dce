import { add, div, mul, sqrt, square } from '@tessera-llm/tensor';
import { checkSetting, ranges } from '../errors.js';
import { decayInto, descend, gradWithDecay } from '../math.js';
import { Optimizer, type OptimizerRule } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';

/** Settings of {@link Adadelta}; names and defaults are PyTorch's. */
export interface AdadeltaSettings {
  /** Learning rate; default 1: the rule has a scale of its own. */
  readonly lr: number;
  /** Decay of both averages; default 0.9. */
  readonly rho: number;
  /** Added inside both roots; default 1e-6. */
  readonly eps: number;
  /** Times the parameter, added to the gradient; default 0. */
  readonly weightDecay: number;
}

const rule: OptimizerRule<AdadeltaSettings> = {
  name: 'Adadelta',
  check({ rho, eps, weightDecay }) {
    checkSetting('Adadelta', 'rho', rho, ranges.decay);
    checkSetting('Adadelta', 'eps', eps, ranges.nonNegative);
    checkSetting('Adadelta', 'weightDecay', weightDecay, ranges.nonNegative);
  },
  state({ shape }) {
    return { square_avg: { shape }, acc_delta: { shape } };
  },
  update(u) {
    const { rho, eps, weightDecay } = u.settings;
    const grad = gradWithDecay(u, weightDecay);
    const squareAvg = u.state('square_avg');
    const accDelta = u.state('acc_delta');
    decayInto(squareAvg, square(grad), rho);
    const delta = mul(div(sqrt(add(accDelta, eps)), sqrt(add(squareAvg, eps))), grad);
    decayInto(accDelta, square(delta), rho);
    descend(u.param, delta, u.lr);
  },
};

/**
 * Adadelta: v = rho v + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(v + eps) g, u = rho u + (1 - rho) d^2, p = p - lr d.
 *
 * State: `square_avg` (v) and `acc_delta` (u), of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Zeiler 2012, "ADADELTA: an adaptive learning rate method"; as `torch.optim.Adadelta`.
 *
 * @example
 * ```ts
 * import { Adadelta } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * new Adadelta({ w }).step({ w: tensor([1, 0]) });
 * console.log(await w.data()); // [0.9968, 2]
 * ```
 */
export class Adadelta extends Optimizer<AdadeltaSettings> {
  constructor(parameters: Parameters<AdadeltaSettings>, settings: Partial<AdadeltaSettings> = {}) {
    const defaults: AdadeltaSettings = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0 };
    super(rule, parameters, withDefaults('Adadelta', defaults, settings));
  }
}
