import { philox4x32 } from '@tessera-llm/tensor';

/** What the noise of a draw depends on, beside the token. */
export interface NoiseKey {
  readonly seed: number | bigint;
  readonly position: number;
  readonly choice: number;
}

/** Sets this use of Philox apart from weights and dropout under the same seed. */
const samplingStream = 0x73616d70; // "samp"

/**
 * Standard Gumbel noise of each token id, -log(-log(u)) with u from Philox: word id % 4 of the block with counter
 * (floor(id / 4), position, choice, stream) under the seed.
 */
export function gumbelNoise({ seed, position, choice }: NoiseKey): (id: number) => number {
  const wide = BigInt.asUintN(64, BigInt(seed));
  const key = [Number(wide & 0xffffffffn), Number(wide >> 32n)] as const;
  let block = -1;
  let words: ArrayLike<number> = [];
  return (id) => {
    if (id >> 2 !== block) {
      block = id >> 2;
      words = philox4x32(key, [block, position, choice, samplingStream]);
    }
    // The middle of one of 2^32 equal steps: never 0 or 1, so the noise is finite.
    const u = ((words[id & 3] ?? 0) + 0.5) / 2 ** 32;
    return -Math.log(-Math.log(u));
  };
}
