/** A number with Python's distinction of int and float. */
export interface NumberShape {
  readonly value: number;
  readonly float: boolean;
}

/** Python's str of a number. */
export function numberText({ value, float }: NumberShape): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  if (!float) return Number.isSafeInteger(value) ? String(value) : BigInt(Math.trunc(value)).toString();
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = value.toExponential().split('e') as [string, string];
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** Digits after the point with ties to even, which is what Python's formatting and `round` give for exact ties. */
export function fixed(value: number, digits: number): string {
  if (digits > 100) return value.toFixed(100);
  const scaled = value * 10 ** digits;
  // A tie is exact in binary, so the value has few binary places.
  const tie = Math.abs(scaled % 1) === 0.5 && Number.isInteger(value * 2 ** 20);
  if (tie) return ((2 * Math.round(scaled / 2)) / 10 ** digits).toFixed(digits);
  return Math.abs(value) < 1e21 ? value.toFixed(digits) : numberText({ value, float: false });
}
