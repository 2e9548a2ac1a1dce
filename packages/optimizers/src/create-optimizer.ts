import { OptimizerError } from './errors.js';
import type { Optimizer } from './optimizer.js';
import type { Parameters } from './parameters.js';
import { Adadelta } from './rules/adadelta.js';
import { Adafactor } from './rules/adafactor.js';
import { AdafactorHF } from './rules/adafactor-hf.js';
import { Adagrad } from './rules/adagrad.js';
import { Adam, AdamW } from './rules/adam.js';
import { Adamax, NAdam, RAdam } from './rules/adam-variants.js';
import { Lion } from './rules/lion.js';
import { Muon } from './rules/muon.js';
import { RMSprop } from './rules/rmsprop.js';
import { SGD } from './rules/sgd.js';

const classes = {
  adamw: AdamW,
  adam: Adam,
  sgd: SGD,
  rmsprop: RMSprop,
  adagrad: Adagrad,
  adadelta: Adadelta,
  adamax: Adamax,
  nadam: NAdam,
  radam: RAdam,
  adafactor: Adafactor,
  adafactor_hf: AdafactorHF,
  lion: Lion,
  muon: Muon,
} as const;

/** Names of the optimizers in a configuration. */
export type OptimizerType = keyof typeof classes;

/** Every {@link OptimizerType}. */
export const optimizerTypes = Object.keys(classes) as readonly OptimizerType[];

/** Settings of an optimizer before they are checked, as a configuration file holds them. */
export type UncheckedSettings = Readonly<Record<string, unknown>>;

/** An optimizer of whatever kind: what {@link createOptimizer} gives. */
export type AnyOptimizer = Pick<Optimizer<{ lr: number | null }>, 'step' | 'state' | 'load' | 'dispose'>;

/**
 * Makes an optimizer by name, for configuration files: names and values of settings are checked as
 * those of the class are.
 *
 * @param type The class's name in lower case, `adafactor_hf` for {@link AdafactorHF}; see {@link optimizerTypes}.
 * @throws OptimizerError `invalid_setting` for an unknown name or setting, or a value out of its range;
 * `invalid_parameters` for none, one twice, or one that the class cannot update.
 *
 * @example
 * ```ts
 * import { createOptimizer } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([1, 2]));
 * createOptimizer('sgd', { w }, { lr: 1 }).step({ w: tensor([1, 0]) });
 * console.log(await w.data()); // [0, 2]
 * ```
 */
export function createOptimizer(
  type: OptimizerType,
  parameters: Parameters<UncheckedSettings>,
  settings: UncheckedSettings = {},
): AnyOptimizer {
  if (!Object.hasOwn(classes, type)) {
    throw new OptimizerError(
      'invalid_setting',
      `[createOptimizer] expected one of ${optimizerTypes.join(', ')}, got ${String(type)}`,
    );
  }
  // The constructors check names and values at run time, so that unchecked settings may enter here.
  const Class = classes[type] as unknown as new (
    p: Parameters<UncheckedSettings>,
    s: UncheckedSettings,
  ) => AnyOptimizer;
  return new Class(parameters, settings);
}
