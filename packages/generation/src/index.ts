export { GenerationError, type GenerationErrorCode } from './errors';
export {
  type GenerateCallOptions,
  generate,
  generateBatch,
  generateBatchStream,
  generateStream,
} from './generate';
export type {
  GenerateOptions,
  GenerateRequest,
  GenerateResult,
  RunOptions,
  StopReason,
  TokenEvent,
  TokenLogprob,
} from './request';
export { type DrawOptions, type SamplingOptions, sampleToken } from './sampler';
export { type StopResult, StopMatcher, type TextStream } from './text-stop';
