import {
  add,
  div,
  full,
  maximum,
  mean,
  mul,
  rsqrt,
  square,
  sub,
  copyInPlace,
  type Tensor,
  unsqueeze,
} from '@tessera-llm/tensor';
import { checkSetting, OptimizerError, ranges } from '../errors.js';
import { decayInto } from '../math.js';
import { Optimizer, type OptimizerRule, scaledGrad, type StateTensor, type Update } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';
import { clipRms, rms } from './adafactor.js';

/** Settings of {@link AdafactorHF}; names and defaults are those of transformers. */
export interface AdafactorHFSettings {
  /** Default null: computed from the step. Give one with `relativeStep: false`. */
  readonly lr: number | null;
  /** Added to the squared gradient, and the least scale of a parameter; default [1e-30, 1e-3]. */
  readonly eps: readonly [number, number];
  /** The root mean square that an update may have; default 1. */
  readonly clipThreshold: number;
  /** The second moment decays by 1 - t^decayRate; default -0.8. */
  readonly decayRate: number;
  /** Decay of a first moment; default null: none. */
  readonly beta1: number | null;
  /** wd, decoupled: p = p (1 - alpha wd), alpha the scaled rate; default 0. */
  readonly weightDecay: number;
  /** Multiply the rate by the root mean square of the parameter; default true. */
  readonly scaleParameter: boolean;
  /** The rate is min(0.01, 1 / sqrt(t)); default true. */
  readonly relativeStep: boolean;
  /** With relativeStep, 1e-6 t in place of 0.01; default false. */
  readonly warmupInit: boolean;
}

function relativeRate(u: Update<AdafactorHFSettings>): number {
  if (!u.settings.relativeStep) return u.lr;
  return u.lrFactor * Math.min(u.settings.warmupInit ? 1e-6 * u.step : 1e-2, 1 / Math.sqrt(u.step));
}

const rule: OptimizerRule<AdafactorHFSettings> = {
  name: 'AdafactorHF',
  nullable: ['lr', 'beta1'],
  check({ lr, eps, clipThreshold, decayRate, beta1, weightDecay, relativeStep, warmupInit }) {
    checkSetting('AdafactorHF', 'eps[0]', eps[0], ranges.nonNegative);
    checkSetting('AdafactorHF', 'eps[1]', eps[1], ranges.nonNegative);
    checkSetting('AdafactorHF', 'clipThreshold', clipThreshold, ranges.positive);
    checkSetting('AdafactorHF', '-decayRate', -decayRate, ranges.nonNegative);
    if (beta1 !== null) checkSetting('AdafactorHF', 'beta1', beta1, ranges.decay);
    checkSetting('AdafactorHF', 'weightDecay', weightDecay, ranges.nonNegative);
    if ((lr === null) !== relativeStep) {
      throw new OptimizerError(
        'invalid_setting',
        `[AdafactorHF] expected either an lr or relativeStep, got lr ${lr} and relativeStep ${relativeStep}`,
      );
    }
    if (warmupInit && !relativeStep) {
      throw new OptimizerError('invalid_setting', '[AdafactorHF] expected relativeStep with warmupInit, got none');
    }
  },
  state({ shape }, { beta1 }): Record<string, StateTensor> {
    const first = beta1 === null ? {} : { exp_avg: { shape } };
    if (shape.length < 2) return { ...first, exp_avg_sq: { shape } };
    const row = shape.slice(0, -1);
    return {
      ...first,
      exp_avg_sq_row: { shape: row },
      exp_avg_sq_col: { shape: [...shape.slice(0, -2), ...shape.slice(-1)] },
    };
  },
  update(u) {
    const { eps, clipThreshold, decayRate, beta1, weightDecay, scaleParameter } = u.settings;
    const grad = scaledGrad(u);
    const scale = scaleParameter ? maximum(rms(u.param), eps[1]) : full([], 1, { backend: u.param.backend });
    const rate = mul(scale, relativeRate(u));
    const beta2 = 1 - u.step ** decayRate;
    const squares = add(square(grad), eps[0]);
    let inverseRoot: Tensor;
    if (u.param.rank < 2) {
      const variance = u.state('exp_avg_sq');
      decayInto(variance, squares, beta2);
      inverseRoot = rsqrt(variance);
    } else {
      const row = u.state('exp_avg_sq_row');
      const col = u.state('exp_avg_sq_col');
      decayInto(row, mean(squares, { dims: -1 }), beta2);
      decayInto(col, mean(squares, { dims: -2 }), beta2);
      const rows = rsqrt(div(row, mean(row, { dims: -1, keepdim: true })));
      inverseRoot = mul(unsqueeze(rows, -1), unsqueeze(rsqrt(col), -2));
    }
    let update = mul(clipRms(mul(inverseRoot, grad), clipThreshold), rate);
    if (beta1 !== null) {
      decayInto(u.state('exp_avg'), update, beta1);
      update = u.state('exp_avg');
    }
    const decayed = weightDecay === 0 ? u.param : sub(u.param, mul(u.param, mul(rate, weightDecay)));
    copyInPlace(u.param, sub(decayed, update));
  },
};

/**
 * Adafactor as transformers has it (and fairseq before): as {@link Adafactor}, but with eps added to
 * the squared gradient, an optional first moment (of the updates), and a rate that is either given or relative.
 *
 * State: `exp_avg_sq_row` (…, M) and `exp_avg_sq_col` (…, N), or `exp_avg_sq` (N) for vectors; `exp_avg` of the
 * parameter's shape with beta1.
 *
 * @throws OptimizerError `invalid_setting` (also for both or none of lr and relativeStep), `invalid_parameters`
 * @see Shazeer and Stern 2018, arXiv:1804.04235; as `transformers.optimization.Adafactor`.
 *
 * @example
 * ```ts
 * import { AdafactorHF } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([[1, 2], [3, 4]]));
 * const optimizer = new AdafactorHF({ w }, { lr: 0.1, relativeStep: false, scaleParameter: false });
 * optimizer.step({ w: tensor([[1, 1], [1, 1]]) });
 * console.log(await w.data()); // [0.9, 1.9, 2.9, 3.9]
 * ```
 */
export class AdafactorHF extends Optimizer<AdafactorHFSettings> {
  constructor(parameters: Parameters<AdafactorHFSettings>, settings: Partial<AdafactorHFSettings> = {}) {
    const defaults: AdafactorHFSettings = {
      lr: null,
      eps: [1e-30, 1e-3],
      clipThreshold: 1,
      decayRate: -0.8,
      beta1: null,
      weightDecay: 0,
      scaleParameter: true,
      relativeStep: true,
      warmupInit: false,
    };
    super(rule, parameters, withDefaults('AdafactorHF', defaults, settings));
  }
}
