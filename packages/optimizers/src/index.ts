export {
  clipCoefficient,
  clipGradNorm,
  clipGradValue,
  type ClipNormOptions,
  type ClipResult,
} from './clip.js';
export { isOptimizerError, OptimizerError, type OptimizerErrorCode } from './errors.js';
export {
  Optimizer,
  type OptimizerRule,
  type OptimizerState,
  type StateTensor,
  type StepOptions,
  type Update,
} from './optimizer.js';
export type { NamedTensors, ParameterGroup, Parameters } from './parameters.js';
export { Adam, AdamW, type AdamSettings } from './rules/adam.js';
export { SGD, type SGDSettings } from './rules/sgd.js';
export { createSchedule, type RampShape, type Schedule, type ScheduleConfig } from './schedules.js';
