import { stat } from 'node:fs/promises';
import { type GgufValue, readConfig, readGenerationConfig } from '@tessera-llm/formats';
import type { ChatTemplate } from '@tessera-llm/tokenizers';
import type { Model } from './architecture';
import { type GenerationConfig, idList, parseGenerationConfig } from './generation-config';
import { openGgufModel } from './open-gguf';
import { architectureOf } from './registry';
import { type Tokenizer, readTokenizer } from './tokenizer-files';
import { openFolderWeights } from './weight-source';
import { type WeightsOptions, loadModel } from './weights';

/** Settings of `open`. */
export type OpenOptions = WeightsOptions;

/** A model with everything that its folder or file holds. */
export interface Opened {
  readonly model: Model;
  /** null if the folder has no tokenizer.json, or the file no tokenizer. */
  readonly tokenizer: Tokenizer | null;
  /** Renders chats as prompts, alone or with the tokenizer by `applyChatTemplate`; null if there is none. */
  readonly chatTemplate: ChatTemplate | null;
  /** Empty for a folder without one; of a GGUF file the ids of its configuration. */
  readonly generationConfig: GenerationConfig;
  /**
   * Ids that end generation: those of generation_config, config and tokenizer (GGUF: also of the end of a turn)
   * together.
   */
  readonly endIds: readonly number[];
  /** Metadata of a GGUF file with its types, for `save`; null for a folder. */
  readonly metadata: ReadonlyMap<string, GgufValue> | null;
}

/**
 * Opens a model: a folder in Hugging Face layout (config.json of transformers 4 or 5, model.safetensors or its shards
 * in float32, bfloat16 or float16, generation_config.json, tokenizer.json, tokenizer_config.json and chat templates),
 * or a GGUF file, which holds all of that in one, its weights in any of ggml's types of floats and blocks.
 *
 * @param path The folder or the file.
 * @throws FormatsError for files that are missing, cut or malformed.
 * @throws ModelsError `unsupported_architecture`, `wrong_architecture`, `invalid_config`, `invalid_checkpoint`,
 * `unsupported_dtype`; `invalid_option` for options with unknown values, or that contradict each other.
 * @throws TokenizerError for a tokenizer or chat template of a GGUF file that can't be read; of a folder it is
 *   `invalid_config`.
 * @throws What `options.signal` gives as its reason, once it is aborted.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { createModel, open, save } from '@tessera-llm/models';
 * const folder = await mkdtemp(`${tmpdir()}/tessera-`);
 * const config = { model_type: 'gpt2', vocab_size: 50, n_embd: 8, n_layer: 1, n_head: 2, eos_token_id: 7 } as const;
 * await save(folder, { model: createModel(config, { seed: 1 }) });
 * const opened = await open(folder, { compute: 'bfloat16' });
 * console.log(opened.model.vocabSize, opened.endIds); // 50 [7]
 * ```
 */
export async function open(path: string, options: OpenOptions = {}): Promise<Opened> {
  return (await isFile(path)) ? openFile(path, options) : openFolder(path, options);
}

async function isFile(path: string): Promise<boolean> {
  return (
    path.endsWith('.gguf') ||
    stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
  );
}

async function openFolder(path: string, options: OpenOptions): Promise<Opened> {
  const json = await readConfig(path);
  const blueprint = architectureOf(json.model_type).blueprint(json);
  const generationConfig = parseGenerationConfig('open', await readGenerationConfig(path));
  const { tokenizer, chatTemplate, eosId } = await readTokenizer(path);
  const model = await loadModel(await openFolderWeights(path, blueprint), blueprint, options);
  const endIds = endIdsOf(generationConfig.eos_token_id, blueprint.config.eos_token_id, eosId);
  return { model, tokenizer, chatTemplate, generationConfig, endIds, metadata: null };
}

async function openFile(path: string, options: OpenOptions): Promise<Opened> {
  const { blueprint, source, tokenizer, chatTemplate, turnEndIds, metadata } = await openGgufModel(path);
  const model = await loadModel(source, blueprint, options);
  const { bos_token_id, eos_token_id, pad_token_id } = blueprint.config;
  const generationConfig = parseGenerationConfig('open', { bos_token_id, eos_token_id, pad_token_id });
  return { model, tokenizer, chatTemplate, generationConfig, endIds: endIdsOf(eos_token_id, turnEndIds), metadata };
}

/** The union of ids, each a number, a list or nothing. */
function endIdsOf(...ids: readonly unknown[]): number[] {
  return [...new Set(ids.flatMap(idList))];
}
