import type { RandomKey } from '../backend/contract';
import { TensorError } from '../errors';

/** @internal The two 32-bit words of a seed or stream. */
export function words(what: string, value: number | bigint): [lo: number, hi: number] {
  if (typeof value === 'number' && (!Number.isSafeInteger(value) || value < 0)) {
    throw new TensorError(
      'value',
      `[random] expected ${what} to be a non-negative integer below 2^53 or a bigint, got ${value}`,
    );
  }
  const bits = BigInt.asUintN(64, BigInt(value));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

/** @internal */
export function keyOf(seed: number | bigint, stream: number | bigint): RandomKey {
  return { seed: words('seed', seed), stream: words('stream', stream) };
}

/**
 * A 32-bit hash of a text (FNV-1a over UTF-16 units, then a finaliser): the stream of a module's random numbers is the
 * hash of its path, so that it does not depend on the order in which modules were made.
 *
 * @example
 * ```ts
 * import { hash32 } from '@tessera-llm/tensor';
 * console.log(hash32('model.layers.0.mlp') === hash32('model.layers.0.mlp')); // true
 * ```
 */
export function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
