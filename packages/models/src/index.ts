export { type SaveAdapterOptions, loadAdapter, saveAdapter } from './adapters';
export type {
  Architecture,
  Blueprint,
  BuildOptions,
  ComputeOptions,
  Model,
  ModelConfig,
} from './architecture';
export { type CreateModelOptions, type ModelConfigInput, createModel } from './create';
export { ModelsError, type ModelsErrorCode } from './errors';
export { type Gpt2Config, type Gpt2ConfigInput, Gpt2ForCausalLM } from './gpt2';
export { type LlamaConfig, type LlamaConfigInput, LlamaForCausalLM } from './llama';
export { type ModelType, architectures, isModelType } from './registry';
export type { GenerationConfig } from './generation-config';
export { type OpenOptions, type Opened, open } from './open';
export { type SaveContents, save } from './save';
export type { LoadProgress, WeightsOptions } from './weights';
