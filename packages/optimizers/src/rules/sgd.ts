import { add, copyInPlace, mul } from '@tessera-llm/tensor';
import { checkSetting, OptimizerError, ranges } from '../errors.js';
import { descend, gradWithDecay } from '../math.js';
import { Optimizer, type OptimizerRule } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';

/** Settings of {@link SGD}; names and defaults are PyTorch's. */
export interface SGDSettings {
  /** Learning rate; default 1e-3. */
  readonly lr: number;
  /** mu, the decay of the sum of gradients; default 0: none, and no state. */
  readonly momentum: number;
  /** Part of the gradient that the momentum leaves out; default 0. */
  readonly dampening: number;
  /** wd: times the parameter, added to the gradient; default 0. */
  readonly weightDecay: number;
  /** Look ahead along the momentum; needs momentum > 0 and dampening 0. Default false. */
  readonly nesterov: boolean;
}

const rule: OptimizerRule<SGDSettings> = {
  name: 'SGD',
  check({ momentum, dampening, weightDecay, nesterov }) {
    checkSetting('SGD', 'momentum', momentum, ranges.nonNegative);
    checkSetting('SGD', 'dampening', dampening, ranges.finite);
    checkSetting('SGD', 'weightDecay', weightDecay, ranges.nonNegative);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new OptimizerError(
        'invalid_setting',
        `[SGD] expected momentum > 0 and dampening 0 with nesterov, got ${momentum} and ${dampening}`,
      );
    }
  },
  state({ shape }, { momentum }) {
    return momentum === 0 ? {} : { momentum_buffer: { shape } };
  },
  update(u) {
    const { momentum, dampening, weightDecay, nesterov } = u.settings;
    const grad = gradWithDecay(u, weightDecay);
    if (momentum === 0) return descend(u.param, grad, u.lr);
    const buffer = u.state('momentum_buffer');
    // The first buffer is the gradient itself, not (1 - dampening) times it.
    copyInPlace(buffer, u.step === 1 ? grad : add(mul(buffer, momentum), mul(grad, 1 - dampening)));
    descend(u.param, nesterov ? add(grad, mul(buffer, momentum)) : buffer, u.lr);
  },
};

/**
 * Stochastic gradient descent: g = g + wd p, buf = mu buf + (1 - dampening) g (the first: g),
 * p = p - lr buf; with nesterov p = p - lr (g + mu buf).
 *
 * State: `momentum_buffer` if there is momentum.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning"; as
 * `torch.optim.SGD`.
 *
 * @example
 * ```ts
 * import { SGD } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * const optimizer = new SGD({ w }, { lr: 0.5, momentum: 0.9 });
 * optimizer.step({ w: tensor([1, 0]) });
 * console.log(await w.data()); // [0.5, 2]
 * ```
 */
export class SGD extends Optimizer<SGDSettings> {
  constructor(parameters: Parameters<SGDSettings>, settings: Partial<SGDSettings> = {}) {
    const defaults: SGDSettings = { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false };
    super(rule, parameters, withDefaults('SGD', defaults, settings));
  }
}
