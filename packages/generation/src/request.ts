import { GenerationError, type Known, checkKnown, shown, want } from './errors';
import { type SamplingOptions, checkSampling, samplingOptions } from './sampler';
import type { TextStream } from './text-stop';

/** Why a sequence ended: an end id, a stop id or string, or the limit of its length. */
export type StopReason = 'end' | 'stop' | 'length';

/** What to generate for one prompt. */
export interface GenerateOptions extends SamplingOptions {
  /** New tokens at most; default 128. Fewer if the model's learned positions end before. */
  readonly maxTokens?: number;
  /** Number of this sample among several of one prompt, below 2^32: another number, other draws. Default 0. */
  readonly choice?: number;
  /** Ids that end the text, usually `endIds` of an opened model. The id is in `ids`, its text not in `text`. */
  readonly endIds?: readonly number[];
  /**
   * Ids and strings that end the text; strings need `decoder`. Neither appears in `text`. Always an array: a string by
   * itself is refused.
   */
  readonly stop?: readonly (number | string)[];
  /** Makes the decoder of one sequence, for `text` and stop strings: a tokenizer's streaming decode. */
  readonly decoder?: () => TextStream;
  /**
   * Log-probabilities: true, or a number of most likely alternatives to give beside each token's own. They are `raw`:
   * log-softmax of the model's logits, before temperature and filters, the same bits as in training and evaluation.
   */
  readonly logprobs?: boolean | number;
  /** Ids from here on are never drawn: the tokenizer's size, where a model's vocabulary is padded beyond it. */
  readonly vocabLimit?: number;
  /**
   * Declared length of the sequence, for rotary scalings that depend on length; default: prompt and maxTokens.
   */
  readonly maxLength?: number;
}

/** One prompt of a batch. */
export interface GenerateRequest extends GenerateOptions {
  /** (T) token ids, at least one, and fewer than the model has positions. */
  readonly promptIds: ArrayLike<number>;
}

/** Settings of a whole call. */
export interface RunOptions {
  /** Ends the call between two steps by throwing the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Prompt tokens of one step at most, so that the event loop gets its turn in between; the result doesn't depend on
   * it, except with `compat: 'hf'` models, which want whole prompts (Infinity). Default 512.
   */
  readonly prefillChunk?: number;
}

/** A token and its log-probability. */
export interface TokenLogprob {
  readonly id: number;
  /** Natural logarithm. */
  readonly logprob: number;
}

/** One new token of one sequence. */
export interface TokenEvent {
  /** Number of the request, from 0. */
  readonly index: number;
  /** The new token. */
  readonly id: number;
  /** Text that became certain with this token ('' without a decoder). */
  readonly text: string;
  /** Raw natural log-probability; null unless asked for. */
  readonly logprob: number | null;
  /** The most likely tokens in descending order; empty unless asked for. */
  readonly topLogprobs: readonly TokenLogprob[];
  /** Set on the last token of a sequence. */
  readonly stopReason: StopReason | null;
}

/** A finished sequence. */
export interface GenerateResult {
  /** The new tokens, an end or stop id included. */
  readonly ids: readonly number[];
  /** Their text without end and stop ('' without a decoder). */
  readonly text: string;
  /** One for each id, raw; empty unless asked for. */
  readonly logprobs: readonly number[];
  /** For each id the most likely tokens, in descending order; empty unless a number of them is asked for. */
  readonly topLogprobs: readonly (readonly TokenLogprob[])[];
  /** What ended it. */
  readonly stopReason: StopReason;
}

/** @internal */
export const runOptions = { signal: true, prefillChunk: true } as const satisfies Known<RunOptions>;
const requestOptions: Known<GenerateRequest> = {
  ...samplingOptions,
  ...{ promptIds: true, maxTokens: true, choice: true, endIds: true, stop: true, decoder: true },
  ...{ logprobs: true, vocabLimit: true, maxLength: true },
};

/** @internal Checks a request. @throws GenerationError `prompt`, `value` */
export function checkRequest(request: GenerateRequest, positionLimit: number, vocabSize: number): void {
  checkKnown('generate', request, requestOptions);
  checkSampling(request);
  const { promptIds, maxTokens = 128, logprobs = false, vocabLimit = vocabSize, maxLength = 1 } = request;
  const { endIds = [], stop = [], decoder } = request;
  if (typeof promptIds !== 'object' || !Number.isInteger(promptIds?.length)) {
    throw new GenerationError(
      'prompt',
      `[generate] expected the prompt as a list of token ids, got ${shown(promptIds)}; a tokenizer's encodeIds makes them of text`,
    );
  }
  if (promptIds.length === 0) {
    throw new GenerationError(
      'prompt',
      '[generate] expected at least one token in the prompt, got none; start with the beginning-of-sequence token',
    );
  }
  if (promptIds.length >= positionLimit) {
    throw new GenerationError(
      'prompt',
      `[generate] expected a prompt of fewer than ${positionLimit} tokens, the model's positions, got ${promptIds.length}`,
    );
  }
  const expect = (ok: boolean, what: string, got: unknown): void => want('generate', ok, what, got);
  expect(Number.isInteger(maxTokens) && maxTokens >= 1, 'maxTokens to be a whole number above 0', maxTokens);
  expect(
    typeof logprobs === 'boolean' || (Number.isInteger(logprobs) && logprobs >= 0),
    'logprobs to be true, false or a whole number',
    logprobs,
  );
  expect(
    Number.isInteger(vocabLimit) && vocabLimit >= 1 && vocabLimit <= vocabSize,
    `vocabLimit from 1 to ${vocabSize}`,
    vocabLimit,
  );
  expect(Number.isSafeInteger(maxLength) && maxLength >= 1, 'maxLength to be a whole number above 0', maxLength);
  expect(Array.isArray(endIds) && endIds.every(Number.isInteger), 'endIds to be an array of token ids', endIds);
  expect(
    Array.isArray(stop) && stop.every((s) => typeof s === 'string' || Number.isInteger(s)),
    'stop to be an array of token ids and strings',
    stop,
  );
  expect(
    decoder === undefined || typeof decoder === 'function',
    'decoder to be a function that makes a decoder, such as () => tokenizer.decodeStream()',
    decoder,
  );
  expect(
    decoder !== undefined || stop.every((s) => typeof s === 'number'),
    'a decoder where stop holds strings',
    decoder,
  );
}

/** @internal Checks the settings of a call. @throws GenerationError `value` */
export function checkRun({ signal, prefillChunk = 512 }: RunOptions): void {
  want(
    'generate',
    signal === undefined || typeof signal?.throwIfAborted === 'function',
    "signal to be an AbortSignal, such as a controller's signal",
    signal,
  );
  want(
    'generate',
    prefillChunk >= 1 && (Number.isInteger(prefillChunk) || prefillChunk === Number.POSITIVE_INFINITY),
    'prefillChunk to be a whole number above 0, or Infinity',
    prefillChunk,
  );
}
