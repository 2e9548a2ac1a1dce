/** Token ids that look like nothing: a multiplicative walk through the vocabulary, the same for the same seed. */
export function randomIds(
  count: number,
  { vocabulary, seed }: { readonly vocabulary: number; readonly seed: number },
): number[] {
  // Knuth's multiplier modulo 2^32.
  return Array.from({ length: count }, (_, i) => (Math.imul(i + 1 + seed * 65537, 2654435761) >>> 0) % vocabulary);
}
