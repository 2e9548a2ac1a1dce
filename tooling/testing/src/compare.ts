/** How far a value may be from what is expected: |got - want| <= atol + rtol * |want|. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/**
 * Compares two arrays element by element; NaN equals NaN, infinities equal themselves.
 *
 * @returns null if all are within the tolerance, else a sentence about the worst element.
 */
export function difference(got: ArrayLike<number>, want: ArrayLike<number>, tol: Tolerance): string | null {
  if (got.length !== want.length) return `expected ${want.length} elements, got ${got.length}`;
  let worst = 0;
  let at = -1;
  let bad = 0;
  for (let i = 0; i < want.length; i++) {
    const g = got[i] as number;
    const w = want[i] as number;
    if (Object.is(g, w) || g === w) continue;
    const excess = Math.abs(g - w) / (tol.atol + tol.rtol * Math.abs(w));
    if (excess <= 1) continue;
    bad++;
    if (!(excess <= worst)) {
      worst = excess;
      at = i;
    }
  }
  if (bad === 0) return null;
  return (
    `${bad} of ${want.length} elements are off; the worst is element ${at}: expected ${want[at]}, got ${got[at]} ` +
    `(atol ${tol.atol}, rtol ${tol.rtol})`
  );
}

/** Throws unless got is within the tolerance of want; see `difference`. */
export function closeTo(what: string, got: ArrayLike<number>, want: ArrayLike<number>, tol: Tolerance): void {
  const message = difference(got, want, tol);
  if (message !== null) throw new Error(`${what}: ${message}`);
}

/** Largest absolute value; 0 for none. */
export function maxAbs(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i] as number));
  return largest;
}
