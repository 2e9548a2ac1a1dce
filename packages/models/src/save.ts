import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  FormatsError,
  type GgufValue,
  type TensorToWrite,
  writeCheckpoint,
  writeConfig,
  writeGenerationConfig,
} from '@tessera-llm/formats';
import { ChatTemplate } from '@tessera-llm/tokenizers';
import type { Model } from './architecture';
import { toJson } from './config';
import { ModelsError } from './errors';
import { type GenerationConfig, parseGenerationConfig } from './generation-config';
import { type GgufDType, saveGguf } from './gguf/save';
import { architectureOf } from './registry';
import { type Tokenizer, writeTokenizer } from './tokenizer-files';
import { denseBytes } from './weight-bytes';

/** What `save` writes. */
export interface SaveContents {
  readonly model: Model;
  readonly tokenizer?: Tokenizer | null;
  /** Goes into tokenizer_config.json, which is written with a tokenizer only; in a GGUF file into its metadata. */
  readonly chatTemplate?: ChatTemplate | string | null;
  /** Default: the end and beginning ids of the configuration. A GGUF file has none. */
  readonly generationConfig?: GenerationConfig;
  /**
   * How matrices are stored: float32 (default), which keeps every bit; bfloat16; in a GGUF file also `packed`: what the
   * model has in memory, quantised weights in their own blocks.
   */
  readonly dtype?: GgufDType;
  /**
   * Metadata for a GGUF file, of which `general.*` and `tokenizer.*` are kept: `open` gives that of the file that it
   * read. It must hold the tokenizer if there is one.
   */
  readonly metadata?: ReadonlyMap<string, GgufValue> | null;
}

const codes: Readonly<Record<'float32' | 'bfloat16', TensorToWrite['dtype']>> = { float32: 'F32', bfloat16: 'BF16' };
const templateFiles = ['chat_template.jinja', 'additional_chat_templates'];
const weightFile = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

/**
 * Saves a model. A path that ends in `.gguf` becomes one GGUF file, which llama.cpp and `open` load; any other a folder
 * that transformers and `open` load with equal logits: config.json, generation_config.json,
 * model.safetensors (in shards above 5 GB) and the tokenizer's files.
 *
 * All files are written beside the old ones and take their places only when every one of them is complete: a full disk
 * leaves what was there. Other files of the folder stay.
 *
 * @throws FormatsError `write_failed`; ModelsError `invalid_option` for `packed` in a folder, int8 weights as `packed`,
 *   and a tokenizer without its metadata in a GGUF file, `unsupported_architecture` for what GGUF can't hold,
 *   `invalid_config` for a malformed `generationConfig`; TokenizerError for a chat template that can't be read.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { createModel, open, save } from '@tessera-llm/models';
 * const model = createModel(
 *   { model_type: 'gpt2', vocab_size: 50, n_embd: 8, n_layer: 1, n_head: 2, bos_token_id: 0, eos_token_id: 0 },
 *   { seed: 1 },
 * );
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'model');
 * await save(folder, { model });
 * console.log((await open(folder)).model.parameterCount() === model.parameterCount()); // true
 * ```
 */
export async function save(folder: string, contents: SaveContents): Promise<void> {
  const { model, tokenizer = null, chatTemplate = null, dtype = 'float32' } = contents;
  if (folder.endsWith('.gguf')) {
    const metadata = contents.metadata ?? new Map();
    if (tokenizer !== null && !metadata.has('tokenizer.ggml.tokens')) {
      throw new ModelsError(
        'invalid_option',
        '[save] expected the metadata of the GGUF file that the tokenizer came from, got none; ' +
          'leave the tokenizer out, or save a folder',
      );
    }
    return saveGguf(folder, { model, dtype, chatTemplate: templateOf(chatTemplate), metadata });
  }
  if (dtype === 'packed') {
    throw new ModelsError('invalid_option', "[save] expected dtype float32 or bfloat16 for a folder, got 'packed'");
  }
  const { config } = model;
  const { bos_token_id, eos_token_id } = config;
  const generationConfig = parseGenerationConfig('save', contents.generationConfig ?? { bos_token_id, eos_token_id });
  const json = architectureOf(config.model_type).blueprint(config).toJson();
  await system(folder, () => mkdir(folder, { recursive: true }));
  const staged = await system(folder, () => mkdtemp(join(folder, '.saving-')));
  try {
    await writeCheckpoint(staged, weights(model, dtype));
    await writeGenerationConfig(staged, toJson(generationConfig));
    if (tokenizer !== null) await writeTokenizer(staged, { tokenizer, chatTemplate: templateOf(chatTemplate), config });
    await writeConfig(staged, { ...json, model_type: config.model_type, dtype, torch_dtype: dtype });
    const names = await readdir(staged);
    for (const name of names) await system(folder, () => rename(join(staged, name), join(folder, name)));
    // Shards of an earlier, larger save would otherwise shadow the new weights, and files the new chat template.
    for (const name of await readdir(folder)) {
      const stale = weightFile.test(name) || (tokenizer !== null && templateFiles.includes(name));
      if (stale && !names.includes(name)) await rm(join(folder, name), { recursive: true });
    }
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

function templateOf(template: ChatTemplate | string | null): ChatTemplate | null {
  return typeof template === 'string' ? new ChatTemplate(template) : template;
}

function* weights(model: Model, dtype: 'float32' | 'bfloat16'): Generator<[string, TensorToWrite]> {
  for (const [name, weight] of model.namedWeights()) {
    yield [name, { dtype: codes[dtype], shape: weight.shape, bytes: () => denseBytes(weight, dtype) }];
  }
}

async function system<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const isFile = await stat(path).then(
      (s) => !s.isDirectory(),
      () => false,
    );
    const what = isFile
      ? 'a file of this name is in the way'
      : cause instanceof Error
        ? cause.message
        : 'unknown cause';
    throw new FormatsError('write_failed', `[save] expected a writable folder ${path}, got: ${what}`, { cause });
  }
}
