export { type ClipNormOptions, type ClipResult, clipCoefficient, clipGradNorm, clipGradValue } from './clip.js';
export {
  type AnyOptimizer,
  createOptimizer,
  type OptimizerType,
  optimizerTypes,
  type UncheckedSettings,
} from './create-optimizer.js';
export { Ema, type EmaOptions } from './ema.js';
export { OptimizerError, type OptimizerErrorCode } from './errors.js';
export {
  Optimizer,
  type OptimizerRule,
  type OptimizerState,
  type StateTensor,
  type StepOptions,
  type Update,
} from './optimizer.js';
export type { NamedTensors, ParameterGroup, Parameters } from './parameters.js';
export { Adadelta, type AdadeltaSettings } from './rules/adadelta.js';
export { Adafactor, type AdafactorSettings } from './rules/adafactor.js';
export { AdafactorHF, type AdafactorHFSettings } from './rules/adafactor-hf.js';
export { Adagrad, type AdagradSettings } from './rules/adagrad.js';
export { Adam, type AdamSettings, AdamW } from './rules/adam.js';
export { Adamax, type AdamVariantSettings, NAdam, type NAdamSettings, RAdam } from './rules/adam-variants.js';
export { Lion, type LionSettings } from './rules/lion.js';
export { Muon, type MuonSettings, type NewtonSchulzOptions, newtonSchulz } from './rules/muon.js';
export { RMSprop, type RMSpropSettings } from './rules/rmsprop.js';
export { SGD, type SGDSettings } from './rules/sgd.js';
export { createSchedule, type RampShape, type Schedule, type ScheduleConfig } from './schedules.js';
