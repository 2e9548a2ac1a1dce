import { add, addInPlace, div, sqrt, square } from '@tessera-llm/tensor';
import { checkSetting, ranges } from '../errors.js';
import { descend, gradWithDecay } from '../math.js';
import { Optimizer, type OptimizerRule } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';

/** Settings of {@link Adagrad}; names and defaults are PyTorch's. */
export interface AdagradSettings {
  /** Learning rate of the first step; default 0.01. */
  readonly lr: number;
  /** The rate of step t is lr / (1 + (t - 1) lrDecay); default 0. */
  readonly lrDecay: number;
  /** Times the parameter, added to the gradient; default 0. */
  readonly weightDecay: number;
  /** What the sum of squares starts from; default 0. */
  readonly initialAccumulatorValue: number;
  /** Added to the root; default 1e-10. */
  readonly eps: number;
}

const rule: OptimizerRule<AdagradSettings> = {
  name: 'Adagrad',
  check({ lrDecay, weightDecay, initialAccumulatorValue, eps }) {
    for (const [name, value] of Object.entries({ lrDecay, weightDecay, initialAccumulatorValue, eps })) {
      checkSetting('Adagrad', name, value, ranges.nonNegative);
    }
  },
  state({ shape }, { initialAccumulatorValue }) {
    return { sum: { shape, value: initialAccumulatorValue } };
  },
  update(u) {
    const { lrDecay, weightDecay, eps } = u.settings;
    const grad = gradWithDecay(u, weightDecay);
    const total = u.state('sum');
    addInPlace(total, square(grad));
    descend(u.param, div(grad, add(sqrt(total), eps)), u.lr / (1 + (u.step - 1) * lrDecay));
  },
};

/**
 * Adagrad: s = s + g^2, p = p - lr / (1 + (t - 1) lrDecay) g / (sqrt(s) + eps).
 *
 * State: `sum` (s), of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Duchi et al. 2011, "Adaptive subgradient methods"; as `torch.optim.Adagrad`.
 *
 * @example
 * ```ts
 * import { Adagrad } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * new Adagrad({ w }, { lr: 0.5 }).step({ w: tensor([4, 0]) });
 * console.log(await w.data()); // [0.5, 2]
 * ```
 */
export class Adagrad extends Optimizer<AdagradSettings> {
  constructor(parameters: Parameters<AdagradSettings>, settings: Partial<AdagradSettings> = {}) {
    const defaults: AdagradSettings = { lr: 0.01, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 };
    super(rule, parameters, withDefaults('Adagrad', defaults, settings));
  }
}
