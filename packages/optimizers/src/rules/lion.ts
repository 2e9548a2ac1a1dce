import { add, mul, sign } from '@tessera-llm/tensor';
import { checkSetting, ranges } from '../errors.js';
import { decayInto, descend, shrink } from '../math.js';
import { Optimizer, type OptimizerRule, scaledGrad } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';
import { checkBetas } from './adam.js';

/** Settings of {@link Lion}. */
export interface LionSettings {
  /** Learning rate; default 1e-4: three to ten times smaller than AdamW's, because every element moves by it. */
  readonly lr: number;
  /** (b1, b2): interpolation of the update and decay of the momentum; default [0.9, 0.99]. */
  readonly betas: readonly [number, number];
  /** Decoupled; default 0. Three to ten times larger than AdamW's. */
  readonly weightDecay: number;
}

const rule: OptimizerRule<LionSettings> = {
  name: 'Lion',
  check({ betas, weightDecay }) {
    checkBetas('Lion', betas);
    checkSetting('Lion', 'weightDecay', weightDecay, ranges.nonNegative);
  },
  state: ({ shape }) => ({ exp_avg: { shape } }),
  update(u) {
    const { betas, weightDecay } = u.settings;
    const grad = scaledGrad(u);
    const average = u.state('exp_avg');
    const direction = sign(add(mul(average, betas[0]), mul(grad, 1 - betas[0])));
    shrink(u.param, u.lr * weightDecay);
    descend(u.param, direction, u.lr);
    decayInto(average, grad, betas[1]);
  },
};

/**
 * Lion: c = b1 m + (1 - b1) g, p = p - lr (sign(c) + wd p), m = b2 m + (1 - b2) g, with sign(0) = 0.
 *
 * State: `exp_avg` (m), of the parameter's shape: half of AdamW's.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Chen et al. 2023, "Symbolic discovery of optimization algorithms", arXiv:2302.06675, algorithm 2.
 *
 * @example
 * ```ts
 * import { Lion } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * new Lion({ w }, { lr: 0.1 }).step({ w: tensor([5, -1]) });
 * console.log(await w.data()); // [0.9, 2.1]
 * ```
 */
export class Lion extends Optimizer<LionSettings> {
  constructor(parameters: Parameters<LionSettings>, settings: Partial<LionSettings> = {}) {
    super(rule, parameters, withDefaults('Lion', { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 }, settings));
  }
}
