import { readConfig, readGenerationConfig } from '@tessera-llm/formats';
import type { ChatTemplate } from '@tessera-llm/tokenizers';
import type { Model } from './architecture';
import { type GenerationConfig, idList, parseGenerationConfig } from './generation-config';
import { architectureOf } from './registry';
import { type Tokenizer, readTokenizer } from './tokenizer-files';
import { type WeightsOptions, loadModel } from './weights';

/** Settings of `open`. */
export type OpenOptions = WeightsOptions;

/** A model with everything that its folder holds. */
export interface Opened {
  readonly model: Model;
  /** null if the folder has no tokenizer.json. */
  readonly tokenizer: Tokenizer | null;
  /** Renders chats as prompts, alone or with the tokenizer by `applyChatTemplate`; null if the folder has none. */
  readonly chatTemplate: ChatTemplate | null;
  readonly generationConfig: GenerationConfig;
  /** Ids that end generation: those of generation_config, config and tokenizer together. */
  readonly endIds: readonly number[];
}

/**
 * Opens a model folder in Hugging Face layout: config.json (of transformers 4 or 5), model.safetensors or its shards in
 * float32, bfloat16 or float16, generation_config.json, tokenizer.json, tokenizer_config.json and chat templates. Weights are float32
 * in memory, whatever the file holds.
 *
 * @param path The folder.
 * @throws FormatsError for files that are missing, cut or malformed.
 * @throws ModelsError `unsupported_architecture`, `wrong_architecture`, `invalid_config`, `invalid_checkpoint`,
 * `unsupported_dtype`.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { createModel, open, save } from '@tessera-llm/models';
 * const folder = await mkdtemp(`${tmpdir()}/tessera-`);
 * const config = { model_type: 'llama', vocab_size: 50, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 } as const;
 * await save(folder, { model: createModel(config, { seed: 1 }) });
 * const { model, endIds } = await open(folder, { compute: 'bfloat16' });
 * console.log(model.vocabSize, endIds); // 50 [2]
 * ```
 */
export async function open(path: string, options: OpenOptions = {}): Promise<Opened> {
  const json = await readConfig(path);
  const blueprint = architectureOf(json.model_type).blueprint(json);
  const generationConfig = parseGenerationConfig(await readGenerationConfig(path));
  const { tokenizer, chatTemplate, eosId } = await readTokenizer(path);
  const model = await loadModel(path, blueprint, options);
  const endIds = [
    ...idList(generationConfig.eos_token_id),
    ...idList(blueprint.config.eos_token_id),
    ...(eosId === null ? [] : [eosId]),
  ];
  return { model, tokenizer, chatTemplate, generationConfig, endIds: [...new Set(endIds)] };
}
