import { add, div, mul, sqrt, square } from '@tessera-llm/tensor';
import { checkSetting, ranges } from '../errors.js';
import { decayInto, descend, gradWithDecay } from '../math.js';
import { Optimizer, type OptimizerRule, withDefaults } from '../optimizer.js';
import type { Parameters } from '../parameters.js';

/** Settings of {@link Adadelta}; names and defaults are PyTorch's. */
export interface AdadeltaSettings {
  /** Default 1. */
  readonly lr: number;
  /** Decay of both averages; default 0.9. */
  readonly rho: number;
  /** Added inside both roots; default 1e-6. */
  readonly eps: number;
  /** Added to the gradient; default 0. */
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
 * State: `square_avg`, `acc_delta`.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Zeiler 2012, "ADADELTA: an adaptive learning rate method"; as `torch.optim.Adadelta`.
 */
export class Adadelta extends Optimizer<AdadeltaSettings> {
  constructor(parameters: Parameters<AdadeltaSettings>, settings: Partial<AdadeltaSettings> = {}) {
    const defaults: AdadeltaSettings = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0 };
    super(rule, parameters, withDefaults('Adadelta', defaults, settings));
  }
}
