import type { GgufReader } from '@tessera-llm/formats';
import { ChatTemplate } from '@tessera-llm/tokenizers';

const key = 'tokenizer.chat_template';

/** Key of a named template; the usual one is `default`. */
export const templateKey = (name: string): string => (name === 'default' ? key : `${key}.${name}`);

/** The chat templates of a GGUF file with the special tokens that they may name, or null. */
export function chatTemplateOf({ metadata }: GgufReader): ChatTemplate | null {
  const templates: Record<string, string> = {};
  for (const [name, { type, value }] of metadata) {
    if (type !== 'string') continue;
    if (name === key) templates.default = value;
    else if (name.startsWith(`${key}.`)) templates[name.slice(key.length + 1)] = value;
  }
  if (Object.keys(templates).length === 0) return null;
  const tokens = metadata.get('tokenizer.ggml.tokens')?.value;
  const specialTokens: Record<string, string> = {};
  for (const [variable, field] of Object.entries(variables)) {
    const id = metadata.get(`tokenizer.ggml.${field}_token_id`)?.value;
    const token: unknown = Array.isArray(tokens) && typeof id === 'number' ? tokens[id] : undefined;
    if (typeof token === 'string') specialTokens[variable] = token;
  }
  return new ChatTemplate(templates, { specialTokens });
}

/** Variables of templates and the fields that hold the ids of their tokens. */
const variables = {
  bos_token: 'bos',
  eos_token: 'eos',
  unk_token: 'unknown',
  sep_token: 'seperator', // spelled so in the format
  pad_token: 'padding',
};
