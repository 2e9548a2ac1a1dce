import { setImmediate } from 'node:timers/promises';
import { type CausalLM, type KVCache, batchFromSequences } from '@tessera-llm/layers';
import { type Tensor, argmax, gather, indexSelect, narrow, scope, tensor } from '@tessera-llm/tensor';
import { mostLikely } from './candidates';
import { GenerationError, checkKnown, want } from './errors';
import {
  type GenerateOptions,
  type GenerateRequest,
  type GenerateResult,
  type RunOptions,
  type TokenEvent,
  type TokenLogprob,
  checkRequest,
  checkRun,
  runOptions,
} from './request';
import { notFinite } from './sampler';
import { Sequence, lengthLimit } from './sequence';

/** Milliseconds of steps after which the event loop gets its turn: a turn takes as long as a small model's kernels. */
const turnAfter = 5;

/** Settings of `generate`. */
export interface GenerateCallOptions extends GenerateOptions, RunOptions {
  /** Called with every new token. */
  readonly onToken?: (event: TokenEvent) => void;
}

/**
 * Continues a prompt and gives the result when it is finished.
 *
 * @param promptIds Token ids of the prompt, at least one.
 * @throws GenerationError `prompt`, `value`, `not_finite`; LayersError `token_out_of_range`; the signal's reason.
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
 * bit, where the backend's guarantees hold.
 *
 * @returns The results in the order of the requests.
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

/** Continues several prompts together and yields every new token of each as it comes. */
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

/** Rows of one sequence in a step. */
interface Part {
  readonly sequence: Sequence;
  readonly ids: readonly number[];
}

/** Whole prompts and single tokens in order, until `most` rows are together; a longer prompt is cut. */
function planStep(active: readonly Sequence[], most: number): Part[] {
  const parts: Part[] = [];
  let room = Math.max(most, active.length);
  for (const sequence of active) {
    if (room <= 0) break;
    const ids = sequence.pending.slice(0, room);
    room -= ids.length;
    parts.push({ sequence, ids });
  }
  return parts;
}

interface Drawn {
  readonly sequence: Sequence;
  readonly id: number;
  readonly logprob: number | null;
  readonly topLogprobs: readonly TokenLogprob[];
}

/** One pass through the model, and a draw for every sequence whose prompt it completed. */
async function step(model: CausalLM, cache: KVCache, parts: readonly Part[]): Promise<Drawn[]> {
  const slots = Int32Array.from(parts, ({ sequence }) => sequence.slot);
  const batch = batchFromSequences(
    parts.map(({ ids }) => ids),
    { cache: { store: cache, slots } },
  );
  const ready: Sequence[] = [];
  const lastRows: number[] = [];
  parts.forEach(({ sequence, ids }, b) => {
    sequence.pending = sequence.pending.slice(ids.length);
    if (sequence.pending.length > 0) return;
    ready.push(sequence);
    lastRows.push((batch.offsets[b + 1] ?? 0) - 1);
  });
  const rows = scope(() => {
    const hidden = model.hidden(batch);
    if (lastRows.length === batch.ids.length) return hidden; // decoding: every row is a last one
    return indexSelect(hidden, tensor(Int32Array.from(lastRows), { backend: hidden.backend }), { dim: 0 });
  });
  try {
    return ready.length === 0 ? [] : await draw(model, rows, ready);
  } finally {
    rows.dispose();
  }
}

/** Draws a token for each row (M, C) of hidden states. */
async function draw(model: CausalLM, rows: Tensor, sequences: readonly Sequence[]): Promise<Drawn[]> {
  const logits = scope(() => model.logits(rows)); // (M, V)
  try {
    const greedy = sequences.every(({ request }) => request.temperature === 0 && alternatives(request) === 0);
    const limit = Math.max(...sequences.map(({ request }) => request.vocabLimit ?? model.vocabSize));
    const sameLimit = sequences.every(({ request }) => (request.vocabLimit ?? model.vocabSize) === limit);
    // Greedy tokens are found where the logits are; anything else reads them.
    const values = greedy && sameLimit ? null : await floats(logits);
    const rowOf = (m: number): Float32Array =>
      values === null ? new Float32Array(0) : values.subarray(m * model.vocabSize, (m + 1) * model.vocabSize);
    const ids =
      values === null
        ? await mostLikelyIds(logits, limit)
        : Int32Array.from(sequences, (sequence, m) => sequence.draw(rowOf(m)));
    const logprobs = sequences.some(({ request }) => wantsLogprobs(request))
      ? await readAndDispose(scope(() => model.logProbs(rows, Int32Array.from(ids))))
      : null;
    return sequences.map((sequence, m) => {
      const id = ids[m] ?? 0;
      const logprob = wantsLogprobs(sequence.request) ? (logprobs?.[m] ?? null) : null;
      const count = alternatives(sequence.request);
      const topLogprobs = logprob === null || count === 0 ? [] : alternativesOf(rowOf(m), { id, logprob, count });
      return { sequence, id, logprob, topLogprobs };
    });
  } finally {
    logits.dispose();
  }
}

/** The most likely of the first `limit` tokens in each row (M, V). @throws GenerationError `not_finite` */
async function mostLikelyIds(logits: Tensor, limit: number): Promise<ArrayLike<number>> {
  const [places, largest] = scope(() => {
    const index = argmax(firstColumns(logits, limit), { dim: 1, keepdim: true }); // (M, 1)
    return [index, gather(logits, index, { dim: 1 })] as const;
  });
  const [ids, best] = await Promise.all([readAndDispose(places), readAndDispose(largest)]);
  // NaN counts as largest, and -Infinity is it where there is nothing else: one logit tells of its row.
  for (let m = 0; m < ids.length; m++) {
    if (!Number.isFinite(best[m])) throw notFinite(ids[m] ?? 0, best[m] ?? 0);
  }
  return ids;
}

function firstColumns(x: Tensor, length: number): Tensor {
  return length === x.shape[1] ? x : narrow(x, { dim: 1, start: 0, length });
}

function wantsLogprobs({ logprobs = false }: GenerateOptions): boolean {
  return logprobs !== false;
}

/** How many most likely tokens shall be given beside the drawn one. */
function alternatives({ logprobs }: GenerateOptions): number {
  return typeof logprobs === 'number' ? logprobs : 0;
}

async function floats(x: Tensor): Promise<Float32Array> {
  const values = await x.data();
  return values instanceof Float32Array ? values : Float32Array.from(values, Number);
}

async function readAndDispose(x: Tensor): Promise<ArrayLike<number>> {
  try {
    return await x.data();
  } finally {
    x.dispose();
  }
}

/** The most likely tokens; the drawn token's own log-probability gives the normaliser. */
function alternativesOf(
  logits: Float32Array,
  { id, logprob, count }: { id: number; logprob: number; count: number },
): TokenLogprob[] {
  const logSum = (logits[id] ?? 0) - logprob;
  return Array.from(mostLikely(logits, Math.min(count, logits.length)))
    .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
    .map((token) => ({
      id: token,
      logprob: token === id ? logprob : Math.fround((logits[token] ?? 0) - logSum),
    }));
}
