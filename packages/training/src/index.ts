export {
  type Progressed,
  readProgressed,
  readTrainingState,
  type Resumable,
  type TrainingState,
  writeTrainingState,
  type WriteTrainingStateOptions,
} from './checkpoint';
export { CheckpointStore, type CheckpointStoreOptions } from './checkpoint-store';
export { TrainingError, type TrainingErrorCode } from './errors';
export { formatCount, formatDuration } from './format';
export { type HeldOutDocument, type HeldOutLoss, heldOutLoss, type HeldOutOptions } from './held-out';
export { type LogRecord, readLog, RunLog } from './log';
export { Progress, type ProgressOptions, type ProgressStep, type ProgressStream } from './progress';
export {
  checkSameRun,
  packageVersions,
  readRunFile,
  type RunDescription,
  type RunFile,
  writeRunFile,
} from './run-file';
export { sparkline } from './sparkline';
export { type AnyOptimizer, type MicroBatch, type StepResult, trainStep, type TrainStepOptions } from './step';
export {
  type BatchLoader,
  type CheckpointOptions,
  type EvaluateOptions,
  train,
  type TrainEvent,
  type TrainOptions,
  type TrainResult,
} from './train';
