import { initializer } from '@tessera-llm/layers';
import type { ComputeOptions, Model } from './architecture';
import { expectChoice } from './errors';
import type { Gpt2ConfigInput } from './gpt2';
import type { LlamaConfigInput } from './llama';
import { architectureOf } from './registry';

/** A configuration to make a model of: config.json's names; what is left out has transformers' default. */
export type ModelConfigInput = Gpt2ConfigInput | LlamaConfigInput;

/** Settings of `createModel`. */
export interface CreateModelOptions extends ComputeOptions {
  /** Decides every weight: a whole number from 0 to 2^53 - 1, or a bigint. */
  readonly seed: number | bigint;
}

/**
 * A new model with random weights in float32: normal with standard deviation `initializer_range` (default 0.02), biases
 * 0, norms 1, the padding row of a Llama 0, and the last matrices of GPT-2's residual branches smaller by √(2 n_layer),
 * as transformers does.
 *
 * @throws ModelsError `invalid_config`, `unsupported_architecture`, `invalid_option`; LayersError `value` for the seed.
 *
 * @example
 * ```ts
 * import { createModel } from '@tessera-llm/models';
 * const model = createModel(
 *   {
 *     model_type: 'llama',
 *     vocab_size: 100,
 *     hidden_size: 32,
 *     intermediate_size: 64,
 *     num_hidden_layers: 2,
 *     num_attention_heads: 4,
 *     num_key_value_heads: 2,
 *   },
 *   { seed: 1 },
 * );
 * console.log(model.parameterCount()); // 24992
 * ```
 */
export function createModel(config: ModelConfigInput, { seed, ...options }: CreateModelOptions): Model {
  expectChoice('compute', options.compute, ['float32', 'bfloat16']);
  expectChoice('compat', options.compat, ['hf']);
  const blueprint = architectureOf(config.model_type).blueprint(config);
  const std = blueprint.config.initializer_range;
  const init = initializer({ seed, ...(typeof std === 'number' ? { std } : {}) });
  return blueprint.build({ ...options, init });
}
