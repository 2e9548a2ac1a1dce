import { clone, copyInPlace, keep, noGrad, scope, type Tensor } from '@tessera-llm/tensor';
import { checkKnown, checkSetting, OptimizerError, ranges } from './errors.js';
import { decayInto } from './math.js';
import { entriesOf, type NamedTensors } from './parameters.js';

/** Settings of {@link Ema}. */
export interface EmaOptions {
  /** d, the weight of the old average, in [0, 1). Default 0.999: about the last thousand steps count. */
  readonly decay?: number;
  /** Use min(decay, (1 + t) / (10 + t)) at update t (from 1), so that the start is forgotten soon. Default false. */
  readonly warmup?: boolean;
}

/**
 * An exponential moving average of parameters: e = d e + (1 - d) p after each step. The average often
 * generalises better than the last weights; evaluate and save it in their place.
 *
 * @throws OptimizerError `invalid_setting` for a decay outside [0, 1) and unknown options; `invalid_parameters` from
 * `update` and `load` for a name that is missing or has another shape.
 * @see Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging".
 *
 * @example
 * ```ts
 * import { Ema } from '@tessera-llm/optimizers';
 * import { tensor } from '@tessera-llm/tensor';
 *
 * const ema = new Ema({ w: tensor([0]) }, { decay: 0.5 });
 * ema.update({ w: tensor([8]) });
 * console.log(await ema.averages.get('w')?.data()); // [4]
 * ```
 */
export class Ema {
  /** The averages by parameter name; they start as copies and are updated in place. */
  readonly averages: ReadonlyMap<string, Tensor>;
  /** Updates so far. */
  updates = 0;
  readonly #options: Required<EmaOptions>;

  constructor(parameters: NamedTensors, options: EmaOptions = {}) {
    checkKnown('Ema', 'options', options, ['decay', 'warmup']);
    const { decay = 0.999, warmup = false } = options;
    checkSetting('Ema', 'decay', decay, ranges.decay);
    this.#options = { decay, warmup };
    const copies = noGrad(() => entriesOf(parameters).map(([name, p]) => [name, keep(clone(p))] as const));
    this.averages = new Map(copies);
  }

  /** Takes the parameters of a step into the averages. */
  update(parameters: NamedTensors): void {
    const current = this.#checked(parameters);
    this.updates += 1;
    const { decay, warmup } = this.#options;
    const d = warmup ? Math.min(decay, (1 + this.updates) / (10 + this.updates)) : decay;
    for (const [average, value] of current) noGrad(() => scope(() => decayInto(average, value, d)));
  }

  /** Takes over saved averages, copying the values. */
  load({ updates, averages }: { readonly updates: number; readonly averages: NamedTensors }): void {
    checkSetting('Ema.load', 'updates', updates, ranges.whole);
    for (const [average, value] of this.#checked(averages)) copyInPlace(average, value);
    this.updates = updates;
  }

  /** Frees the averages. */
  dispose(): void {
    for (const average of this.averages.values()) average.dispose();
  }

  #checked(given: NamedTensors): [Tensor, Tensor][] {
    const values = new Map(entriesOf(given));
    return [...this.averages].map(([name, average]) => {
      const value = values.get(name);
      if (value && String(value.shape) === String(average.shape)) return [average, value];
      const got = value ? `(${value.shape.join(', ')})` : 'none';
      throw new OptimizerError(
        'invalid_parameters',
        `[Ema] expected ${name} (${average.shape.join(', ')}), got ${got}`,
      );
    });
  }
}
