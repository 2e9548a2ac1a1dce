import { setImmediate } from 'node:timers/promises';
import type { CausalLM } from '@tessera-llm/layers';
import { GenerationError, checkKnown, want } from './errors';
import {
  type GenerateOptions,
  type GenerateRequest,
  type GenerateResult,
  type RunOptions,
  type TokenEvent,
  checkRequest,
  checkRun,
  runOptions,
} from './request';
import { Sequence, lengthLimit } from './sequence';
import { planStep, step } from './step';

/** Milliseconds of steps after which the event loop gets its turn: a turn takes as long as a small model's kernels. */
const turnAfter = 5;

/** Settings of `generate`. */
export interface GenerateCallOptions extends GenerateOptions, RunOptions {
  /** Called with every new token; an error that it throws ends the call and is thrown. */
  readonly onToken?: (event: TokenEvent) => void;
}

/**
 * Continues a prompt and gives the result when it is finished. A key-value cache is made for the call and freed at its
 * end.
 *
 * @param promptIds (T) token ids of the prompt, at least one, and fewer than the model has positions.
 * @throws GenerationError `prompt`, `value`, `not_finite`; LayersError `token_out_of_range`; the signal's reason; what
 * `onToken` and `decoder` throw.
 *
 * @example
 * ```ts
 * import { generate } from '@tessera-llm/generation';
 * import { type Batch, CausalLMModule, Embedding, type Head, initializer } from '@tessera-llm/layers';
 * import type { Tensor } from '@tessera-llm/tensor';
 * class Bigram extends CausalLMModule {
 *   readonly embed = new Embedding(10, 4, { init: initializer({ seed: 1, std: 1 }) });
 *   constructor() {
 *     super({ vocabSize: 10, positionLimit: 64, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
 *   }
 *   get head(): Head {
 *     return { weight: this.embed.weight };
 *   }
 *   hidden(batch: Batch): Tensor {
 *     return this.embed.forward(batch.ids);
 *   }
 * }
 * const { ids, stopReason } = await generate(new Bigram(), [3, 1], { maxTokens: 4, temperature: 0 });
 * console.log(ids.length, stopReason); // 4 'length'
 * ```
 */
export async function generate(
  model: CausalLM,
  promptIds: ArrayLike<number>,
  options: GenerateCallOptions = {},
): Promise<GenerateResult> {
  const { onToken, ...rest } = checkCall(options);
  return resultOf(generateStream(model, promptIds, rest), onToken);
}

/**
 * Continues a prompt and yields every new token as it comes; the generator's return value is the whole result.
 * Leaving the loop early frees the cache.
 *
 * @throws GenerationError and the others as `generate`, from the first `next()` on.
 *
 * @example
 * ```ts
 * import { generateStream } from '@tessera-llm/generation';
 * import { createModel } from '@tessera-llm/models';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
 * for await (const { id, stopReason } of generateStream(model, [3, 1], { maxTokens: 1 })) {
 *   console.log(id < 64, stopReason); // true 'length'
 * }
 * ```
 */
export async function* generateStream(
  model: CausalLM,
  promptIds: ArrayLike<number>,
  options: GenerateOptions & RunOptions = {},
): AsyncGenerator<TokenEvent, GenerateResult, undefined> {
  const { signal, prefillChunk, ...request } = checkCall(options);
  const run = { ...(signal !== undefined && { signal }), ...(prefillChunk !== undefined && { prefillChunk }) };
  const [result] = yield* generateBatchStream(model, [{ ...request, promptIds }], run);
  if (result === undefined) throw new GenerationError('prompt', '[generate] expected a prompt, got none');
  return result;
}

/**
 * Continues several prompts together, each with its own options. Every sequence comes out as it would alone, bit for
 * bit, where the backend's guarantees hold: a step feeds single tokens of some sequences and up to `prefillChunk`
 * prompt tokens of others. Several samples of one prompt need a `choice` or a `seed` each.
 *
 * The cache has room for the prompt and `maxTokens` of every request at once, in pages of 64 tokens.
 *
 * @returns The results in the order of the requests; none for no requests.
 * @throws GenerationError and the others as `generate`; for a wrong request before anything is generated.
 *
 * @example
 * ```ts
 * import { generateBatch } from '@tessera-llm/generation';
 * import { createModel } from '@tessera-llm/models';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
 * const results = await generateBatch(model, [
 *   { promptIds: [3, 1], maxTokens: 2 },
 *   { promptIds: [5], maxTokens: 3, temperature: 0 },
 * ]);
 * console.log(results.map(({ ids }) => ids.length)); // [2, 3]
 * ```
 */
export async function generateBatch(
  model: CausalLM,
  requests: readonly GenerateRequest[],
  options: RunOptions & { readonly onToken?: (event: TokenEvent) => void } = {},
): Promise<readonly GenerateResult[]> {
  const { onToken, ...rest } = checkCall(options);
  return resultOf(generateBatchStream(model, requests, rest), onToken);
}

/** Options of a call that has `onToken`; the stream behind it checks the others. */
function checkCall<T extends object>(
  options: T & Pick<GenerateCallOptions, 'onToken'>,
): T & Pick<GenerateCallOptions, 'onToken'> {
  want('generate', typeof options === 'object' && options !== null, 'options as an object', options);
  const { onToken } = options;
  want('generate', onToken === undefined || typeof onToken === 'function', 'onToken to be a function', onToken);
  return options;
}

/** What a stream returns in the end. An error of `onToken` ends the stream, which frees the cache, and is thrown. */
async function resultOf<T>(
  stream: AsyncGenerator<TokenEvent, T, undefined>,
  onToken: GenerateCallOptions['onToken'],
): Promise<T> {
  for (;;) {
    const next = await stream.next();
    if (next.done) return next.value;
    try {
      onToken?.(next.value);
    } catch (error) {
      await stream.throw(error);
    }
  }
}

/**
 * Continues several prompts together, as `generateBatch`, and yields every new token of each as it comes; `index` says
 * whose it is. The generator's return value is the list of results. Leaving the loop early frees the cache.
 *
 * @throws GenerationError and the others as `generate`, from the first `next()` on.
 *
 * @example
 * ```ts
 * import { generateBatchStream } from '@tessera-llm/generation';
 * import { createModel } from '@tessera-llm/models';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
 * const counts = [0, 0];
 * const requests = [{ promptIds: [3, 1], maxTokens: 2 }, { promptIds: [5], maxTokens: 3 }];
 * for await (const { index } of generateBatchStream(model, requests)) counts[index]! += 1;
 * console.log(counts); // [2, 3]
 * ```
 */
export async function* generateBatchStream(
  model: CausalLM,
  requests: readonly GenerateRequest[],
  options: RunOptions = {},
): AsyncGenerator<TokenEvent, readonly GenerateResult[], undefined> {
  checkKnown('generate', options, runOptions);
  const { signal, prefillChunk = 512 } = options;
  const { positionLimit, vocabSize } = model;
  for (const request of requests) checkRequest(request, positionLimit, vocabSize);
  checkRun(options);
  if (requests.length === 0) return [];
  // Pages hold 64 tokens, and no page holds two sequences.
  const pages = requests.map((request) => Math.ceil(lengthLimit(request, positionLimit) / 64));
  const cache = model.createCache(64 * pages.reduce((sum, n) => sum + n, 0));
  try {
    const sequences = requests.map((request, i) => new Sequence(i, request, cache, positionLimit));
    let active: readonly Sequence[] = sequences;
    let turn = performance.now();
    while (active.length > 0) {
      signal?.throwIfAborted();
      const finished = new Set<Sequence>();
      for (const { sequence, ...next } of await step(model, cache, planStep(active, prefillChunk))) {
        const event = sequence.accept(next);
        if (event.stopReason !== null) {
          finished.add(sequence);
          cache.free(sequence.slot);
        }
        yield event;
      }
      active = active.filter((sequence) => !finished.has(sequence));
      if (performance.now() - turn < turnAfter) continue;
      await setImmediate();
      turn = performance.now();
    }
    return sequences.map((sequence) => sequence.result());
  } finally {
    cache.dispose();
  }
}
