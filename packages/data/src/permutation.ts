import { DataError } from './errors.js';

const rounds = 10;

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * A pseudo-random permutation of 0 .. size-1 that is a pure function of `(seed, epoch, size)`: any
 * position can be asked for at once, in constant memory, so that a resumed run needs no more than
 * its position.
 *
 * A Feistel network over the smallest even number of bits that holds `size`, walked until it lands
 * inside (Black and Rogaway 2002, "Ciphers with arbitrary finite domains").
 *
 * The seed and the epoch are whole numbers of at most 53 bits, the size one from 1 to 2^32.
 *
 * @returns The permutation: position → element, both from 0 to size-1. Positions are not checked.
 * @throws DataError `invalid_argument`
 *
 * @example
 * ```ts
 * import { permutation } from '@tessera-llm/data';
 *
 * const at = permutation({ seed: 1, epoch: 0, size: 4 });
 * console.log([0, 1, 2, 3].map(at).sort()); // [0, 1, 2, 3]
 * ```
 */
export function permutation({
  seed,
  epoch,
  size,
}: {
  seed: number;
  epoch: number;
  size: number;
}): (index: number) => number {
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(epoch) || !(size >= 1 && size <= 2 ** 32)) {
    throw new DataError(
      'invalid_argument',
      `[permutation] expected whole seed and epoch and 1 <= size <= 2^32, got ${seed}, ${epoch}, ${size}`,
    );
  }
  const bits = Math.max(1, Math.ceil(Math.log2(size) / 2));
  const half = 2 ** bits;
  const mask = half - 1;
  const keys = Uint32Array.from({ length: rounds }, (_, round) => {
    let key = 0x9e3779b9;
    for (const word of [seed, Math.floor(seed / 2 ** 32), epoch, Math.floor(epoch / 2 ** 32), round])
      key = mix(key ^ mix(word + 0x7f4a7c15));
    return key;
  });
  return (index) => {
    let x = index;
    do {
      let left = Math.floor(x / half);
      let right = x & mask;
      for (const key of keys) {
        const next = (left ^ mix(right + key)) & mask;
        left = right;
        right = next;
      }
      x = left * half + right;
    } while (x >= size);
    return x;
  };
}
