import { philox4x32 } from '@tessera-llm/tensor';

/** What the noise of a draw depends on, beside the token. */
export interface NoiseKey {
  readonly seed: number | bigint;
  readonly position: number;
  readonly choice: number;
}

/** Sets this use of Philox apart from weights and dropout under the same seed. */
const samplingStream = 0x73616d70; // "samp"

/** The middle of one of 2^32 equal steps: never 0 or 1, so the noise is finite. */
const gumbel = (word: number): number => -Math.log(-Math.log((word + 0.5) / 2 ** 32));

/** The largest noise that there is is below it: -log(-log u) <= -log(1 - u), and 1 - u >= 2^-33. */
const largest = 33 * Math.LN2;

/**
 * The token with the largest logit / temperature + noise, ties to the lower id: a draw from
 * softmax(logits / temperature) over the tokens given (Gumbel-max).
 *
 * The noise of a token is standard Gumbel, -log(-log(u)) with u from Philox: word id % 4 of the block with counter
 * (floor(id / 4), position, choice, stream) under the seed. Most tokens are so far below the best that no noise, or
 * none with the leading bits of theirs, could lift them over it; these are passed without a logarithm.
 *
 * @param ids The tokens that may be drawn; null: all.
 * @param best The most likely of them.
 */
export function gumbelMax(
  logits: Float32Array,
  { ids, best, temperature, key }: { ids: Int32Array | null; best: number; temperature: number; key: NoiseKey },
): number {
  const word = wordsOf(key);
  let chosen = best;
  let most = (logits[best] as number) / temperature + gumbel(word(best));
  // What rounding could make of the comparisons below.
  const slack = 1e-6 + 1e-12 * Math.abs(most);
  const count = ids === null ? logits.length : ids.length;
  for (let i = 0; i < count; i++) {
    const id = ids === null ? i : (ids[i] as number);
    const scaled = (logits[id] as number) / temperature;
    const wanted = most - scaled - slack;
    if (!(wanted < largest)) continue;
    const bits = word(id);
    if (wanted > (Math.clz32(~bits) + 1) * Math.LN2) continue;
    const score = scaled + gumbel(bits);
    if (score > most || (score === most && id < chosen)) {
      most = score;
      chosen = id;
    }
  }
  return chosen;
}

/** The random word of each token; neighbours share a block, which is made once for ascending ids. */
function wordsOf({ seed, position, choice }: NoiseKey): (id: number) => number {
  const wide = BigInt.asUintN(64, BigInt(seed));
  const key = [Number(wide & 0xffffffffn), Number(wide >> 32n)] as const;
  let block = -1;
  let words: ArrayLike<number> = [];
  return (id) => {
    if (id >> 2 !== block) {
      block = id >> 2;
      words = philox4x32(key, [block, position, choice, samplingStream]);
    }
    return words[id & 3] as number;
  };
}
