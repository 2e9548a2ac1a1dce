import { join } from 'node:path';
import { FormatsError } from './errors.js';
import { type JsonObject, readJsonFile, writeJsonFile } from './json-file.js';

/** File names of a Hugging Face model folder. */
export const hfFiles = {
  config: 'config.json',
  generationConfig: 'generation_config.json',
  tokenizer: 'tokenizer.json',
  tokenizerConfig: 'tokenizer_config.json',
} as const;

/**
 * Reads a folder's `config.json` as it is: keys stay in snake_case, values unchecked but for
 * `model_type`, which every use of it needs.
 *
 * @throws FormatsError `missing_file`, `read_failed`, `invalid_json` (also for a `model_type` that is no string)
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readConfig, writeConfig } from '@tessera-llm/formats';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * await writeConfig(folder, { model_type: 'llama', hidden_size: 64 });
 * console.log((await readConfig(folder)).hidden_size); // 64
 * ```
 */
export async function readConfig(folder: string): Promise<JsonObject & { readonly model_type: string }> {
  const path = join(folder, hfFiles.config);
  const config = await readJsonFile(path);
  const { model_type } = config;
  if (typeof model_type !== 'string') {
    throw new FormatsError(
      'invalid_json',
      `[readConfig] expected model_type to be a string, got ${JSON.stringify(model_type) ?? 'nothing'} (${path})`,
    );
  }
  return { ...config, model_type };
}

/**
 * Writes a folder's `config.json` atomically, keys as they are. The folder must exist.
 *
 * @throws FormatsError `write_failed`
 *
 * @example
 * ```ts
 * import { mkdtemp, readdir } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { writeConfig } from '@tessera-llm/formats';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * await writeConfig(folder, { model_type: 'gpt2', n_embd: 64 });
 * console.log(await readdir(folder)); // ['config.json']
 * ```
 */
export async function writeConfig(folder: string, config: JsonObject & { readonly model_type: string }): Promise<void> {
  await writeJsonFile(join(folder, hfFiles.config), config);
}

/**
 * Reads a folder's `generation_config.json` as it is; undefined if it has none, as many models do.
 *
 * @throws FormatsError `read_failed`, `invalid_json`
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readGenerationConfig } from '@tessera-llm/formats';
 *
 * console.log(await readGenerationConfig(await mkdtemp(join(tmpdir(), 'tessera-')))); // undefined
 * ```
 */
export async function readGenerationConfig(folder: string): Promise<JsonObject | undefined> {
  try {
    return await readJsonFile(join(folder, hfFiles.generationConfig));
  } catch (error) {
    if (error instanceof FormatsError && error.code === 'missing_file') return undefined;
    throw error;
  }
}

/**
 * Writes a folder's `generation_config.json` atomically, keys as they are. The folder must exist.
 *
 * @throws FormatsError `write_failed`
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readGenerationConfig, writeGenerationConfig } from '@tessera-llm/formats';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * await writeGenerationConfig(folder, { eos_token_id: [2, 7], temperature: 0.6 });
 * console.log((await readGenerationConfig(folder))?.eos_token_id); // [2, 7]
 * ```
 */
export async function writeGenerationConfig(folder: string, config: JsonObject): Promise<void> {
  await writeJsonFile(join(folder, hfFiles.generationConfig), config);
}
