import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeFileAtomic, writeJsonFile } from '@tessera-llm/formats';
import { Tokenizer } from '@tessera-llm/tokenizers';
import { z } from 'zod';
import type { ModelConfig } from './architecture';
import { ModelsError } from './errors';

export type { Tokenizer };

/** A token in tokenizer_config.json: its text, or an object that holds it. */
const token = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)])
  .nullish();
const template = z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]);
const configSchema = z.looseObject({ bos_token: token, eos_token: token, chat_template: template.nullish() });

/** What a folder says of its tokenizer. */
export interface TokenizerFiles {
  /** null if the folder has no tokenizer.json. */
  readonly tokenizer: Tokenizer | null;
  readonly chatTemplate: string | null;
  /** Id of tokenizer_config's eos_token. */
  readonly eosId: number | null;
}

async function readTokenizerConfig(folder: string): Promise<z.output<typeof configSchema> | null> {
  const file = join(folder, 'tokenizer_config.json');
  if (!existsSync(file)) return null;
  const parsed = configSchema.safeParse(await readJsonFile(file));
  if (parsed.success) return parsed.data;
  throw new ModelsError(
    'invalid_config',
    `[open] expected ${file} as transformers writes it, got:\n${z.prettifyError(parsed.error)}`,
  );
}

/** Reads tokenizer.json, tokenizer_config.json and chat_template.jinja of a folder, as far as they exist. */
export async function readTokenizer(folder: string): Promise<TokenizerFiles> {
  const config = await readTokenizerConfig(folder);
  const jinja = join(folder, 'chat_template.jinja');
  const inConfig = config?.chat_template;
  const named = Array.isArray(inConfig) ? inConfig.find(({ name }) => name === 'default')?.template : inConfig;
  const chatTemplate = existsSync(jinja) ? await readFile(jinja, 'utf8') : (named ?? null);
  const file = join(folder, 'tokenizer.json');
  if (!existsSync(file)) return { tokenizer: null, chatTemplate, eosId: null };
  const tokenizer = Tokenizer.fromJSON(await readJsonFile(file));
  const eos = config?.eos_token;
  return { tokenizer, chatTemplate, eosId: eos ? (tokenizer.tokenToId(eos) ?? null) : null };
}

function firstToken(tokenizer: Tokenizer, ids: unknown): string | null {
  const id: unknown = Array.isArray(ids) ? ids[0] : ids;
  return typeof id === 'number' ? (tokenizer.idToToken(id) ?? null) : null;
}

/** Writes what `readTokenizer` and transformers read. */
export async function writeTokenizer(
  folder: string,
  contents: { readonly tokenizer: Tokenizer; readonly chatTemplate: string | null; readonly config: ModelConfig },
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
  });
  if (chatTemplate !== null) await writeFileAtomic(join(folder, 'chat_template.jinja'), chatTemplate);
}
