import { readFile } from 'node:fs/promises';
import { generate } from '@tessera-llm/generation';
import { open } from '@tessera-llm/models';
import { setBackend } from '@tessera-llm/tensor';
import { type ChatTemplate, type Tokenizer, applyChatTemplate } from '@tessera-llm/tokenizers';
import { z } from 'zod';
import { CliError } from '../errors';
import type { CommandContext } from '../main';
import { modelPath } from './model-path';

/** Options of `tessera generate`. */
export interface GenerateCommandOptions {
  readonly prompt?: string;
  readonly messages?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly seed: number;
  readonly compute: 'bfloat16' | 'float32' | 'int8';
  readonly weights?: 'bfloat16' | 'float32' | 'packed';
  readonly logprobs?: boolean;
  readonly backend?: string;
}

const list = z.array(z.looseObject({ role: z.string() })).min(1);
const objects = z.array(z.record(z.string(), z.json()));
const chatFile = z.union([
  list.transform((messages) => ({ messages })),
  z.strictObject({ messages: list, tools: objects.optional(), documents: objects.optional() }),
]);
type Chat = z.output<typeof chatFile>;

async function readChat(file: string): Promise<Chat> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CliError('config', `expected a JSON file in --messages, got ${file}: ${message}`, { cause: error });
  }
  const parsed = chatFile.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new CliError(
    'config',
    `expected ${file} to hold a list of {role, content} or {messages, tools?, documents?}, got:\n${z.prettifyError(parsed.error)}`,
  );
}

/** The prompt after which the assistant's answer comes; the template writes all special tokens itself. */
function chatIds(tokenizer: Tokenizer, template: ChatTemplate, chat: Chat): Int32Array {
  const { messages, tools = null, documents = null } = { tools: undefined, documents: undefined, ...chat };
  return applyChatTemplate(tokenizer, template, messages, { tools, documents, addGenerationPrompt: true }).ids;
}

/** The prompt with what the tokenizer puts before a text, and without what it puts behind one: it goes on here. */
function textIds(tokenizer: Tokenizer, prompt: string): readonly number[] {
  const behind = (text: string): number | null => {
    const mask = tokenizer.encode(text, { truncation: null, padding: null }).specialTokensMask;
    const last = mask.lastIndexOf(0);
    return last === -1 ? null : mask.length - 1 - last;
  };
  const ids = tokenizer.encodeIds(prompt);
  // Around an empty prompt nothing shows what is before and what behind; around a letter it does.
  return ids.slice(0, ids.length - (behind(prompt) ?? behind('a') ?? 0));
}

/** `tessera generate`: continues a prompt, or answers messages. */
export async function generateText(
  folder: string,
  options: GenerateCommandOptions,
  context: CommandContext,
): Promise<void> {
  const { output, signal } = context;
  const { prompt, messages, maxTokens, temperature, topK, topP, minP, seed, compute, logprobs = false } = options;
  if ((prompt === undefined) === (messages === undefined)) {
    throw new CliError(
      'usage',
      `expected one of --prompt and --messages, got ${prompt === undefined ? 'neither' : 'both'}`,
    );
  }
  if (options.backend !== undefined) setBackend(options.backend);
  const chat = messages === undefined ? null : await readChat(messages);
  const { weights = folder.endsWith('.gguf') ? 'packed' : 'float32' } = options;
  if (compute === 'int8' && weights !== 'packed') {
    throw new CliError('usage', `expected --weights packed with --compute int8, got ${weights}`);
  }
  const { model, tokenizer, chatTemplate, endIds } = await open(modelPath(folder), { compute, weights, signal });
  if (tokenizer === null) throw new CliError('usage', `expected a model with a tokenizer, got none in ${folder}`);
  if (chat !== null && chatTemplate === null) {
    throw new CliError('usage', `expected --prompt for a model without a chat template, got --messages and ${folder}`);
  }
  const promptIds =
    chat !== null && chatTemplate !== null ? chatIds(tokenizer, chatTemplate, chat) : textIds(tokenizer, prompt ?? '');
  const result = await generate(model, promptIds, {
    maxTokens,
    temperature,
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    seed,
    logprobs,
    endIds,
    vocabLimit: tokenizer.vocabSize,
    decoder: () => tokenizer.decodeStream(),
    signal,
    onToken: ({ text }) => output.stream(text),
  });
  output.result(
    {
      promptIds: [...promptIds],
      ids: [...result.ids],
      text: result.text,
      logprobs: logprobs ? [...(result.logprobs ?? [])] : null,
      stopReason: result.stopReason,
    },
    '\n',
  );
}
