import { generate } from '@tessera-llm/generation';
import { open } from '@tessera-llm/models';
import { setBackend } from '@tessera-llm/tensor';
import { CliError } from '../errors';
import type { CommandContext } from '../main';

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
  readonly compute: 'bfloat16' | 'float32';
  readonly logprobs?: boolean;
  readonly backend?: string;
}

/** `tessera generate`: continues a prompt. */
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
  const { model, tokenizer, chatTemplate, endIds } = await open(folder, { compute });
  if (tokenizer === null) throw new CliError('usage', `expected a tokenizer.json in ${folder}, got none`);
  if (prompt === undefined) {
    // The renderer of chat templates comes with the tokenizers package; nothing is guessed in its place.
    const got =
      chatTemplate === null ? 'a model without a chat template' : 'a chat template, which this version does not render';
    throw new CliError('usage', `expected --prompt, got --messages and ${got}`);
  }
  const promptIds = tokenizer.encodeIds(prompt);
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
