import { abs, add, copyInPlace, div, maximum, mul, sqrt, square } from '@tessera-llm/tensor';
import { checkSetting, ranges } from '../errors.js';
import { decayInto, descend, gradWithDecay } from '../math.js';
import { Optimizer, type OptimizerRule } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';
import { checkBetas } from './adam.js';

/** Settings of {@link RAdam} and {@link Adamax}; names and defaults are PyTorch's. */
export interface AdamVariantSettings {
  /** Learning rate; default 1e-3 for RAdam, 2e-3 for Adamax and NAdam. */
  readonly lr: number;
  /**
   * (b1, b2): decay of the averages of the gradient and of its square (Adamax: of its largest); default [0.9, 0.999].
   */
  readonly betas: readonly [number, number];
  /** Added to the root (Adamax: to |g|); default 1e-8. */
  readonly eps: number;
  /** Times the parameter, added to the gradient; default 0. */
  readonly weightDecay: number;
}

/** Settings of {@link NAdam}; names and defaults are PyTorch's. */
export interface NAdamSettings extends AdamVariantSettings {
  /** d, how fast the momentum approaches b1; default 0.004. */
  readonly momentumDecay: number;
}

function check(name: string, { betas, eps, weightDecay }: AdamVariantSettings): void {
  checkBetas(name, betas);
  checkSetting(name, 'eps', eps, ranges.nonNegative);
  checkSetting(name, 'weightDecay', weightDecay, ranges.nonNegative);
}

const defaults: AdamVariantSettings = { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 };

const adamaxRule: OptimizerRule<AdamVariantSettings> = {
  name: 'Adamax',
  check: (settings) => check('Adamax', settings),
  state: ({ shape }) => ({ exp_avg: { shape }, exp_inf: { shape } }),
  update(u) {
    const { betas, eps, weightDecay } = u.settings;
    const grad = gradWithDecay(u, weightDecay);
    const average = u.state('exp_avg');
    const largest = u.state('exp_inf');
    decayInto(average, grad, betas[0]);
    copyInPlace(largest, maximum(mul(largest, betas[1]), add(abs(grad), eps)));
    descend(u.param, div(average, largest), u.lr / (1 - betas[0] ** u.step));
  },
};

/**
 * Adamax, Adam with the infinity norm: m = b1 m + (1 - b1) g, u = max(b2 u, |g| + eps), p = p - lr / (1 - b1^t) m / u.
 *
 * State: `exp_avg` (m) and `exp_inf` (u), of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Kingma and Ba 2015, "Adam: a method for stochastic optimization", arXiv:1412.6980; as `torch.optim.Adamax`.
 *
 * @example
 * ```ts
 * import { Adamax } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * new Adamax({ w }, { lr: 0.1 }).step({ w: tensor([3, 0]) });
 * console.log(await w.data()); // [0.9, 2]
 * ```
 */
export class Adamax extends Optimizer<AdamVariantSettings> {
  constructor(parameters: Parameters<AdamVariantSettings>, settings: Partial<AdamVariantSettings> = {}) {
    super(adamaxRule, parameters, withDefaults('Adamax', defaults, settings));
  }
}

/** Factor of the momentum at a step: it rises from beta1 / 2 towards beta1. */
const momentumAt = (beta1: number, decay: number, step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * decay));

/**
 * The momenta of all steps so far, multiplied: a function of the step alone, so that it need not be saved. It only
 * falls, and once 1 - product rounds to 1 nothing depends on it any more: hundreds of factors with the usual betas, not
 * as many as there were steps.
 */
function momentumProduct(beta1: number, decay: number, step: number): number {
  let product = 1;
  for (let t = 1; t <= step && 1 - product !== 1; t++) product *= momentumAt(beta1, decay, t);
  return product;
}

const nadamRule: OptimizerRule<NAdamSettings> = {
  name: 'NAdam',
  check(settings) {
    check('NAdam', settings);
    checkSetting('NAdam', 'momentumDecay', settings.momentumDecay, ranges.nonNegative);
  },
  state: ({ shape }) => ({ exp_avg: { shape }, exp_avg_sq: { shape } }),
  update(u) {
    const { betas, eps, weightDecay, momentumDecay } = u.settings;
    const [beta1, beta2] = betas;
    const grad = gradWithDecay(u, weightDecay);
    const average = u.state('exp_avg');
    const squares = u.state('exp_avg_sq');
    decayInto(average, grad, beta1);
    decayInto(squares, square(grad), beta2);
    const product = momentumProduct(beta1, momentumDecay, u.step);
    const now = momentumAt(beta1, momentumDecay, u.step);
    const next = momentumAt(beta1, momentumDecay, u.step + 1);
    const root = add(sqrt(mul(squares, 1 / (1 - beta2 ** u.step))), eps);
    const direction = add(mul(grad, (1 - now) / (1 - product)), mul(average, next / (1 - product * next)));
    descend(u.param, div(direction, root), u.lr);
  },
};

/**
 * Adam with Nesterov's momentum, whose factor mu_t = b1 (1 - 0.96^(t d) / 2) rises with the step:
 * p = p - lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(v / (1 - b2^t)) + eps), M_t = mu_1 … mu_t.
 *
 * State: `exp_avg` (m) and `exp_avg_sq` (v), of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Dozat 2016, "Incorporating Nesterov momentum into Adam"; as `torch.optim.NAdam`.
 *
 * @example
 * ```ts
 * import { NAdam } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * new NAdam({ w }, { lr: 0.1 }).step({ w: tensor([3, 0]) });
 * console.log(await w.data()); // [0.894, 2]
 * ```
 */
export class NAdam extends Optimizer<NAdamSettings> {
  constructor(parameters: Parameters<NAdamSettings>, settings: Partial<NAdamSettings> = {}) {
    super(nadamRule, parameters, withDefaults('NAdam', { ...defaults, momentumDecay: 0.004 }, settings));
  }
}

const radamRule: OptimizerRule<AdamVariantSettings> = {
  name: 'RAdam',
  check: (settings) => check('RAdam', settings),
  state: ({ shape }) => ({ exp_avg: { shape }, exp_avg_sq: { shape } }),
  update(u) {
    const { betas, eps, weightDecay } = u.settings;
    const [beta1, beta2] = betas;
    const grad = gradWithDecay(u, weightDecay);
    const average = u.state('exp_avg');
    const squares = u.state('exp_avg_sq');
    decayInto(average, grad, beta1);
    decayInto(squares, square(grad), beta2);
    const lr = u.lr / (1 - beta1 ** u.step);
    const correction = 1 - beta2 ** u.step;
    const longest = 2 / (1 - beta2) - 1;
    const length = longest - (2 * u.step * beta2 ** u.step) / correction;
    // With few steps the variance of the second moment is not finite: plain momentum until it is.
    if (length <= 5) return descend(u.param, average, lr);
    const rectified = Math.sqrt(((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length));
    descend(u.param, div(average, add(sqrt(squares), eps)), lr * rectified * Math.sqrt(correction));
  },
};

/**
 * Adam with a rectified variance. With L = 2 / (1 - b2) - 1 and l = L - 2 t b2^t / (1 - b2^t): while l <= 5 the average
 * of squares is too short, and the step is momentum alone, p = p - lr / (1 - b1^t) m; then it is Adam's times r_t =
 * sqrt((l - 4)(l - 2) L / ((L - 4)(L - 2) l)), with eps added to sqrt(v) before the bias of v is corrected.
 *
 * State: `exp_avg` (m) and `exp_avg_sq` (v), of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Liu et al. 2020, "On the variance of the adaptive learning rate and beyond", arXiv:1908.03265; as
 * `torch.optim.RAdam`.
 *
 * @example
 * ```ts
 * import { RAdam } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * new RAdam({ w }, { lr: 0.1 }).step({ w: tensor([3, 0]) });
 * console.log(await w.data()); // [0.7, 2]
 * ```
 */
export class RAdam extends Optimizer<AdamVariantSettings> {
  constructor(parameters: Parameters<AdamVariantSettings>, settings: Partial<AdamVariantSettings> = {}) {
    super(radamRule, parameters, withDefaults('RAdam', { ...defaults, lr: 1e-3 }, settings));
  }
}
