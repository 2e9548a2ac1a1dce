import { candidates } from './candidates';
import { GenerationError, type Known, checkKnown, want } from './errors';
import { gumbelMax } from './noise';

/** How the next token is drawn from the logits. */
export interface SamplingOptions {
  /** Divides the logits; 0 takes the most likely token, ties to the lower id. Default 1: the model's distribution. */
  readonly temperature?: number;
  /** Only the k most likely tokens; 0: off, the default. */
  readonly topK?: number;
  /** Only the most likely tokens that together reach this probability; 1: off, the default. */
  readonly topP?: number;
  /** Only tokens at least this fraction as likely as the most likely one; 0: off, the default. */
  readonly minP?: number;
  /**
   * Decides every draw, together with the position: a whole number from 0 to 2^53 - 1, or a bigint of 64 bits.
   * Default 0.
   */
  readonly seed?: number | bigint;
}

/** A draw: how, and which one it is. */
export interface DrawOptions extends SamplingOptions {
  /** Position of the token to draw, counted from the start of the prompt: a whole number below 2^32. */
  readonly position: number;
  /** Number of the sample among several of one prompt, below 2^32; default 0. */
  readonly choice?: number;
}

/** @internal */
export const samplingOptions = {
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  seed: true,
} as const satisfies Known<SamplingOptions>;
const drawOptions: Known<DrawOptions> = { ...samplingOptions, position: true, choice: true };

/**
 * Draws the next token: temperature, then top-k, top-p (of what top-k left, Holtzman et al. 2020, arXiv:1904.09751) and
 * min-p (arXiv:2407.01082), then the largest of logit / temperature + Gumbel noise -log(-log u), which is a draw from
 * softmax(logits / temperature) over the tokens left.
 *
 * The noise of a token is a function of (seed, choice, position, id) alone, so the draw depends on nothing but the
 * distribution and those numbers: the same alone and in a batch, resumed or not.
 *
 * @param logits (V)
 * @returns A token id.
 * @throws GenerationError `value` for an option out of range or not known; `not_finite` for a NaN, for +Infinity, and
 * where all are -Infinity (a token of -Infinity among others is never drawn).
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
  checkKnown('sampling', options, drawOptions);
  return drawToken(logits, options);
}

/** @internal `sampleToken` with options among others, whose names were checked. */
export function drawToken(logits: Float32Array, options: DrawOptions): number {
  checkSampling(options);
  const { temperature = 1, topK = 0, topP = 1, minP = 0, seed = 0, position, choice = 0 } = options;
  const best = argmax(logits);
  if (temperature === 0) return best;
  const ids = candidates(logits, logits[best] ?? 0, { temperature, topK, topP, minP });
  return gumbelMax(logits, { ids, best, temperature, key: { seed, position, choice } });
}

/** @throws GenerationError `value` for an option out of range. */
export function checkSampling(options: Partial<DrawOptions>): void {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, seed = 0, position = 0, choice = 0 } = options;
  const expect = (ok: boolean, what: string, got: unknown): void => want('sampling', ok, what, got);
  expect(temperature >= 0 && Number.isFinite(temperature), 'a temperature of at least 0', temperature);
  expect(Number.isInteger(topK) && topK >= 0, 'topK to be a whole number of at least 0 (0: off)', topK);
  expect(typeof topP === 'number' && topP > 0 && topP <= 1, 'topP above 0 and at most 1', topP);
  expect(typeof minP === 'number' && minP >= 0 && minP <= 1, 'minP from 0 to 1', minP);
  expect(
    typeof seed === 'bigint' || (Number.isSafeInteger(seed) && seed >= 0),
    'seed to be a whole number from 0 to 2^53 - 1 or a bigint',
    seed,
  );
  // The noise counts them in 32 bits, where anything else would be the draw of another number.
  for (const [name, n] of Object.entries({ position, choice })) {
    expect(Number.isInteger(n) && n >= 0 && n < 2 ** 32, `${name} to be a whole number from 0 to 2^32 - 1`, n);
  }
}

/** @internal First index of the largest logit. @throws GenerationError `not_finite` */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (logit > most) {
      most = logit;
      best = id;
    } else if (Number.isNaN(logit)) throw notFinite(id, logit);
  }
  if (best < 0 || most === Number.POSITIVE_INFINITY) throw notFinite(best, most);
  return best;
}

/** @internal */
export function notFinite(id: number, logit: number): GenerationError {
  return new GenerationError(
    'not_finite',
    `[sampling] expected finite logits, got ${logit} at token ${id}; the model's weights may be damaged`,
  );
}
