/** High 32 bits of the product of two 32-bit words, from four 16-bit products. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  // Each partial sum stays below 2^33, exact in a double.
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const low = (middle & 0xffff) + a0 * b1;
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(low / 65536)) >>> 0;
}

/** @internal Writes the four words of Philox 4x32-10 (key k0, k1; counter c0 … c3) at out[at] …; no allocation. */
export function philoxInto(
  out: Uint32Array,
  at: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  let [a, b, c, d] = [c0, c1, c2, c3];
  let [p, q] = [k0, k1];
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(a >>> 0, 0xd2511f53);
    const low0 = Math.imul(a, 0xd2511f53);
    const high1 = mulHigh(c >>> 0, 0xcd9e8d57);
    const low1 = Math.imul(c, 0xcd9e8d57);
    a = high1 ^ b ^ p;
    b = low1;
    c = high0 ^ d ^ q;
    d = low0;
    p = (p + 0x9e3779b9) | 0;
    q = (q + 0xbb67ae85) | 0;
  }
  out[at] = a;
  out[at + 1] = b;
  out[at + 2] = c;
  out[at + 3] = d;
}

const block = new Uint32Array(4);

/**
 * One block of Philox 4x32-10: four random 32-bit words that are a pure function of a 64-bit key and a 128-bit counter
 * (little-endian words). Samplers key it by seed and position, so that no state is carried and any draw can be
 * repeated.
 *
 * A uniform number in [0, 1) is `(word >>> 8) * 2 ** -24`.
 *
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 *
 * @example
 * ```ts
 * import { philox4x32 } from '@tessera-llm/tensor';
 * console.log(philox4x32([0, 0], [0, 0, 0, 0])[0].toString(16)); // '6627e8d5'
 * ```
 */
export function philox4x32(
  key: readonly [number, number],
  counter: readonly [number, number, number, number],
): [number, number, number, number] {
  philoxInto(block, 0, key[0], key[1], counter[0], counter[1], counter[2], counter[3]);
  return [block[0] as number, block[1] as number, block[2] as number, block[3] as number];
}

/** @internal A 32-bit word as a uniform number in [0, 1), a multiple of 2^-24. */
export function unitOf(word: number): number {
  return (word >>> 8) * 2 ** -24;
}
