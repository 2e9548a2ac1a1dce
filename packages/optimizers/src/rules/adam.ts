import { adamwInPlace, type Tensor } from '@tessera-llm/tensor';
import { checkSetting, ranges } from '../errors.js';
import { Optimizer, type OptimizerRule } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';

/** Settings of {@link AdamW} and {@link Adam}; names and defaults are PyTorch's. */
export interface AdamSettings {
  /** Learning rate; default 1e-3. */
  readonly lr: number;
  /**
   * Decay of the averages of the gradient and of its square; default [0.9, 0.999]. Language models often use [0.9,
   * 0.95].
   */
  readonly betas: readonly [number, number];
  /** Added to the root; default 1e-8. */
  readonly eps: number;
  /** wd; default 0.01 for AdamW, 0 for Adam. */
  readonly weightDecay: number;
  /** Divide by the largest average so far (Reddi et al. 2018); default false. */
  readonly amsgrad: boolean;
}

/** Checks two decay rates. */
export function checkBetas(op: string, betas: readonly number[]): void {
  if (betas.length !== 2) checkSetting(op, 'the number of betas', Number.NaN, ranges.decay);
  for (const [i, beta] of betas.entries()) checkSetting(op, `betas[${i}]`, beta, ranges.decay);
}

function adamRule(name: string, decoupled: boolean): OptimizerRule<AdamSettings> {
  return {
    name,
    check({ betas, eps, weightDecay }) {
      checkBetas(name, betas);
      checkSetting(name, 'eps', eps, ranges.nonNegative);
      checkSetting(name, 'weightDecay', weightDecay, ranges.nonNegative);
    },
    state({ shape }, { amsgrad }) {
      return { exp_avg: { shape }, exp_avg_sq: { shape }, ...(amsgrad && { max_exp_avg_sq: { shape } }) };
    },
    update({ param, grad, factor, settings, lr, step, state }) {
      const { betas, eps, weightDecay, amsgrad } = settings;
      const maxV: Tensor | null = amsgrad ? state('max_exp_avg_sq') : null;
      const [beta1, beta2] = betas;
      adamwInPlace(param, grad, {
        ...{ m: state('exp_avg'), v: state('exp_avg_sq'), maxV, factor },
        ...{ lr, beta1, beta2, eps, weightDecay, decoupled, step },
      });
    },
  };
}

const defaults: AdamSettings = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false };

/**
 * Adam with decoupled weight decay, the usual optimizer of language models; one pass over memory.
 *
 * m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
 * p = p (1 - lr wd) - lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps).
 *
 * State: `exp_avg` (m), `exp_avg_sq` (v), with AMSGrad `max_exp_avg_sq`, of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting` (a NaN learning rate, betas outside [0, 1), ...), `invalid_parameters`
 * @see Loshchilov and Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101; as `torch.optim.AdamW`.
 *
 * @example
 * ```ts
 * import { AdamW } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([[1, 2]]));
 * const b = parameter(tensor([0]));
 * const optimizer = new AdamW([{ params: { w } }, { params: { b }, weightDecay: 0 }], { lr: 0.1, weightDecay: 0.5 });
 * optimizer.step({ w: tensor([[1, 1]]), b: tensor([-1]) }, { lrFactor: 0.5 });
 * console.log(await w.data(), await b.data()); // [0.925, 1.9] [0.05]
 * ```
 */
export class AdamW extends Optimizer<AdamSettings> {
  constructor(parameters: Parameters<AdamSettings>, settings: Partial<AdamSettings> = {}) {
    super(adamRule('AdamW', true), parameters, withDefaults('AdamW', { ...defaults, weightDecay: 0.01 }, settings));
  }
}

/**
 * Adam: as {@link AdamW}, but with weight decay added to the gradient, g = g + wd p, so that it passes through the
 * averages.
 *
 * State: `exp_avg`, `exp_avg_sq`, with AMSGrad `max_exp_avg_sq`, of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters`
 * @see Kingma and Ba 2015, "Adam: a method for stochastic optimization", arXiv:1412.6980; as `torch.optim.Adam`.
 *
 * @example
 * ```ts
 * import { Adam } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * new Adam({ w }, { lr: 0.1 }).step({ w: tensor([3, 0]) });
 * console.log(await w.data()); // [0.9, 2]
 * ```
 */
export class Adam extends Optimizer<AdamSettings> {
  constructor(parameters: Parameters<AdamSettings>, settings: Partial<AdamSettings> = {}) {
    super(adamRule('Adam', false), parameters, withDefaults('Adam', defaults, settings));
  }
}
