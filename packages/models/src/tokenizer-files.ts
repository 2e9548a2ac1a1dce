import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '@tessera-llm/formats';
import {
  ChatTemplate,
  type NamedTemplates,
  type Tokenizer,
  TokenizerError,
  tokenizerFromHuggingFace,
} from '@tessera-llm/tokenizers';
import { z } from 'zod';
import type { ModelConfig } from './architecture';
import { ModelsError } from './errors';

export type { Tokenizer };

/** What a folder says of its tokenizer. */
export interface TokenizerFiles {
  /** null if the folder has no tokenizer.json. */
  readonly tokenizer: Tokenizer | null;
  readonly chatTemplate: ChatTemplate | null;
  /** Id of tokenizer_config's eos_token. */
  readonly eosId: number | null;
}

async function readOptional(folder: string, name: string): Promise<unknown> {
  const file = join(folder, name);
  return existsSync(file) ? readJsonFile(file) : undefined;
}

/** chat_template.jinja as `default`, and the files of additional_chat_templates by their names. */
async function readTemplateFiles(folder: string): Promise<NamedTemplates> {
  const found: Record<string, string> = {};
  const jinja = join(folder, 'chat_template.jinja');
  if (existsSync(jinja)) found.default = await readFile(jinja, 'utf8');
  const more = join(folder, 'additional_chat_templates');
  for (const name of existsSync(more) ? (await readdir(more)).sort() : []) {
    if (name.endsWith('.jinja')) found[name.slice(0, -'.jinja'.length)] = await readFile(join(more, name), 'utf8');
  }
  return found;
}

/**
 * Reads tokenizer.json, tokenizer_config.json, special_tokens_map.json and the files of chat templates of a folder, as
 * far as they exist.
 */
export async function readTokenizer(folder: string): Promise<TokenizerFiles> {
  const config = await readOptional(folder, 'tokenizer_config.json');
  const file = await readOptional(folder, 'tokenizer.json');
  try {
    const specialTokensMap = await readOptional(folder, 'special_tokens_map.json');
    const chatTemplate = ChatTemplate.fromConfig(config ?? {}, await readTemplateFiles(folder), specialTokensMap);
    if (file === undefined) return { tokenizer: null, chatTemplate, eosId: null };
    const { tokenizer, specialTokens } = tokenizerFromHuggingFace({ tokenizer: file, config, specialTokensMap });
    const eos = specialTokens.eos_token;
    return { tokenizer, chatTemplate, eosId: eos === undefined ? null : (tokenizer.tokenToId(eos) ?? null) };
  } catch (cause) {
    if (!(cause instanceof TokenizerError)) throw cause;
    throw new ModelsError(
      'invalid_config',
      `[open] expected tokenizer files as transformers writes them in ${folder}; ${cause.message}`,
      { cause },
    );
  }
}

function firstToken(tokenizer: Tokenizer, ids: unknown): string | null {
  const id: unknown = Array.isArray(ids) ? ids[0] : ids;
  return typeof id === 'number' ? (tokenizer.idToToken(id) ?? null) : null;
}

/** Writes what `readTokenizer` and transformers read. */
export async function writeTokenizer(
  folder: string,
  contents: { readonly tokenizer: Tokenizer; readonly chatTemplate: ChatTemplate | null; readonly config: ModelConfig },
): Promise<void> {
  const { tokenizer, chatTemplate, config } = contents;
  await writeJsonFile(join(folder, 'tokenizer.json'), z.record(z.string(), z.json()).parse(tokenizer.toJSON()));
  const bos = firstToken(tokenizer, config.bos_token_id);
  const eos = firstToken(tokenizer, config.eos_token_id);
  await writeJsonFile(join(folder, 'tokenizer_config.json'), {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    ...(bos !== null && { bos_token: bos }),
    ...(eos !== null && { eos_token: eos }),
    ...(chatTemplate !== null && z.record(z.string(), z.json()).parse(chatTemplate.toConfig())),
  });
}
