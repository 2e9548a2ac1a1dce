export { type Adapter, applyAdapter } from './adapters/adapter';
export { AdaptableLayer } from './adapters/adaptable';
export { type LoraConfig, type LoraConfigInput, loraConfig } from './adapters/config';
export { createAdapter } from './adapters/create';
export type { AdapterSpec } from './adapters/spec';
export type { AdaptedModel } from './adapters/targets';
export {
  type AttendOptions,
  type Memory,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
  attend,
} from './attention';
export {
  type Batch,
  type BatchCache,
  type BatchExtras,
  type BatchRng,
  type Capture,
  type Segments,
  batchFromSequences,
  checkSegments,
} from './batch';
export type { CacheRows, CacheShape, CacheStep, KVCache } from './cache';
export {
  type CausalLM,
  type CausalLMDims,
  CausalLMModule,
  type Head,
  type LogProbOptions,
  type TokenLossOptions,
  tokenLosses,
} from './causal-lm';
export { Dropout } from './dropout';
export { Embedding, type EmbeddingOptions } from './embedding';
export { LayersError, type LayersErrorCode } from './errors';
export {
  type ActivationName,
  FeedForward,
  type FeedForwardOptions,
  GatedFeedForward,
  activationName,
  activations,
} from './feed-forward';
export { type Init, type InitializerOptions, blank, initializer } from './init';
export { Conv1D, Linear, type LinearOptions } from './linear';
export {
  type LanguageModelLossOptions,
  countTargets,
  ignoreIndex,
  languageModelLoss,
  nextTokenTargets,
} from './loss';
export { Module } from './module';
export { LayerNorm, type LayerNormOptions, RMSNorm, type RMSNormOptions } from './norm';
export { type PaddedOptions, type UnpaddedBatch, batchFromPadded } from './padded-batch';
export { PagedKVCache, type PagedKVCacheOptions } from './paged-cache';
export { type Pass, type PassOptions, type RunLayersOptions, beginPass, endPass, runLayers } from './pass';
export { PassPlans } from './pass-plans';
export { sinusoidalPositions } from './positions';
export { DecoderBlock, EncoderBlock, type PostNormOptions } from './post-norm';
export { PreNormBlock, type PreNormBlockOptions } from './pre-norm';
export {
  type RopeContext,
  type RopeFrequencies,
  type RopeParameters,
  inverseFrequencies,
} from './rope-scaling';
export { Rotary, type RotaryOptions, type RotaryTables } from './rotary';
export { stateProblems } from './state-problems';
export type { Weight } from './weight';
