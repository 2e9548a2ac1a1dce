import { GenerationError } from './errors';
import { gumbelNoise } from './noise';

/** How the next token is drawn from the logits. */
export interface SamplingOptions {
  /** Divides the logits; 0 takes the most likely token, ties to the lower id. Default 1. */
  readonly temperature?: number;
  /** Only the k most likely tokens; 0: off, the default. */
  readonly topK?: number;
  /** Only the most likely tokens that together reach this probability; 1: off, the default. */
  readonly topP?: number;
  /** Only tokens at least this fraction as likely as the most likely one; 0: off, the default. */
  readonly minP?: number;
  /** Decides every draw, together with the position. Default 0. */
  readonly seed?: number | bigint;
}

/** A draw: how, and which one it is. */
export interface DrawOptions extends SamplingOptions {
  /** Position of the token to draw, counted from the start of the prompt. */
  readonly position: number;
  /** Number of the sample among several of one prompt; 0. */
  readonly choice?: number;
}

/**
 * Draws the next token: temperature, then top-k, top-p (of what top-k left, Holtzman et al. 2020, arXiv:1904.09751) and
 * min-p (arXiv:2407.01082), then the largest of logit / temperature + Gumbel noise.
 *
 * The noise of a token is a function of (seed, choice, position, id) alone, so the draw depends on nothing but the
 * distribution and those numbers: the same alone and in a batch, resumed or not.
 *
 * @param logits (V)
 * @returns A token id.
 * @throws GenerationError `value`, `not_finite`
 *
 * @example
 * ```ts
 * import { sampleToken } from '@tessera-llm/generation';
 * const logits = new Float32Array([0, 3, 1]);
 * console.log(sampleToken(logits, { temperature: 0, position: 0 })); // 1
 * console.log(sampleToken(logits, { topK: 2, seed: 7, position: 0 })); // 1 or 2, always the same
 * ```
 */
export function sampleToken(logits: Float32Array, options: DrawOptions): number {
  checkSampling(options);
  const { temperature = 1, seed = 0, position, choice = 0 } = options;
  const best = argmax(logits);
  if (temperature === 0) return best;
  const noise = gumbelNoise({ seed, position, choice });
  let chosen = best;
  let most = Number.NEGATIVE_INFINITY;
  for (const id of candidates(logits, best, options)) {
    const score = (logits[id] ?? 0) / temperature + noise(id);
    if (score > most || (score === most && id < chosen)) {
      most = score;
      chosen = id;
    }
  }
  return chosen;
}

/** @throws GenerationError `value` for an option out of range. */
export function checkSampling({ temperature = 1, topK = 0, topP = 1, minP = 0 }: SamplingOptions): void {
  const expect = (ok: boolean, what: string, got: number): void => {
    if (!ok) throw new GenerationError('value', `[sampling] expected ${what}, got ${got}`);
  };
  expect(temperature >= 0 && Number.isFinite(temperature), 'a temperature of at least 0', temperature);
  expect(Number.isInteger(topK) && topK >= 0, 'topK to be a whole number of at least 0 (0: off)', topK);
  expect(topP > 0 && topP <= 1, 'topP above 0 and at most 1', topP);
  expect(minP >= 0 && minP <= 1, 'minP from 0 to 1', minP);
}

/** @internal First index of the largest logit. @throws GenerationError `not_finite` */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? 0;
    if (Number.isNaN(logit)) throw notFinite(id, logit);
    if (logit > most) {
      most = logit;
      best = id;
    }
  }
  if (best < 0 || most === Number.POSITIVE_INFINITY) throw notFinite(best, most);
  return best;
}

function notFinite(id: number, logit: number): GenerationError {
  return new GenerationError(
    'not_finite',
    `[sampling] expected finite logits, got ${logit} at token ${id}; the model's weights may be damaged`,
  );
}

/** Tokens that the filters leave, the most likely first where one of them needs the order. */
function candidates(logits: Float32Array, best: number, options: DrawOptions): Iterable<number> {
  const { temperature = 1, topK = 0, topP = 1, minP = 0 } = options;
  const max = logits[best] ?? 0;
  const weight = (id: number): number => Math.exp(((logits[id] ?? 0) - max) / temperature);
  let kept: Iterable<number> = logits.keys();
  if ((topK > 0 && topK < logits.length) || topP < 1) kept = mostLikely(logits, topK || logits.length);
  if (topP < 1) kept = nucleus([...kept], weight, topP);
  return minP > 0 ? [...kept].filter((id) => weight(id) >= minP) : kept;
}

/** Leading tokens that together reach `topP` of the weight of all; always at least one. */
function nucleus(ordered: readonly number[], weight: (id: number) => number, topP: number): number[] {
  let total = 0;
  for (const id of ordered) total += weight(id);
  let sum = 0;
  let count = 0;
  while (count < ordered.length && (count === 0 || sum < topP * total)) {
    sum += weight(ordered[count] ?? 0);
    count++;
  }
  return ordered.slice(0, count);
}

/** The k most likely tokens in descending order, ties to the lower id, off a binary heap. */
function mostLikely(logits: Float32Array, k: number): number[] {
  const heap = Int32Array.from(logits.keys());
  let size = heap.length;
  const before = (a: number, b: number): boolean => {
    const x = logits[a] ?? 0;
    const y = logits[b] ?? 0;
    return x > y || (x === y && a < b);
  };
  const sink = (from: number): void => {
    const id = heap[from] ?? 0;
    let i = from;
    for (let child = 2 * i + 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && before(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      if (!before(heap[child] ?? 0, id)) break;
      heap[i] = heap[child] ?? 0;
      i = child;
    }
    heap[i] = id;
  };
  for (let i = (size >> 1) - 1; i >= 0; i--) sink(i);
  const order: number[] = [];
  while (order.length < k && size > 0) {
    order.push(heap[0] ?? 0);
    size--;
    heap[0] = heap[size] ?? 0;
    sink(0);
  }
  return order;
}
