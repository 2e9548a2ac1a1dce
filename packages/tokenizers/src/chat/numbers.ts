/** A number with Python's distinction of int and float. */
export interface NumberShape {
  readonly value: number;
  readonly float: boolean;
  /** The exact value of a whole number beyond 2^53. */
  readonly big: bigint | null;
}

/** Python's str of a number. */
export function numberText({ value, float, big }: NumberShape): string {
  if (big !== null) return big.toString();
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  if (!float) return String(value === 0 ? 0 : value);
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = value.toExponential().split('e') as [string, string];
    return `${digits}e${exponentText(Number(exponent))}`;
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function exponentText(exponent: number): string {
  return `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** The whole number nearest to |value| · 10^digits, exactly, ties to even. */
function scaled(value: number, digits: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, Math.abs(value));
  const word = bits.getBigUint64(0);
  const field = Number(word >> 52n);
  const fraction = word & ((1n << 52n) - 1n);
  const exponent = Math.max(field, 1) - 1075;
  let above = field === 0 ? fraction : fraction | (1n << 52n);
  let below = 1n;
  if (exponent > 0) above <<= BigInt(exponent);
  else below <<= BigInt(-exponent);
  if (digits > 0) above *= 10n ** BigInt(digits);
  else below *= 10n ** BigInt(-digits);
  const [whole, twice] = [above / below, 2n * (above % below)];
  return twice > below || (twice === below && (whole & 1n) === 1n) ? whole + 1n : whole;
}

const negative = (value: number) => value < 0 || Object.is(value, -0);

/** `digits` digits after the point (of a finite number), correctly rounded with ties to even as Python has it. */
export function fixed(value: number, digits: number): string {
  const shown = scaled(value, digits).toString();
  const sign = negative(value) ? '-' : '';
  if (digits <= 0) return sign + shown + (shown === '0' ? '' : '0'.repeat(-digits));
  const filled = shown.padStart(digits + 1, '0');
  return `${sign}${filled.slice(0, -digits)}.${filled.slice(-digits)}`;
}

/** One digit before the point and `digits` after it, with an exponent of two digits or more. */
export function exponential(value: number, digits: number): string {
  if (value === 0) return `${fixed(value, digits)}e+00`;
  let exponent = Number(value.toExponential().split('e')[1]);
  let shown = scaled(value, digits - exponent).toString();
  if (shown.length > digits + 1) {
    exponent++;
    shown = shown.slice(0, -1);
  }
  const rest = shown.slice(1);
  return `${negative(value) ? '-' : ''}${shown[0]}${rest === '' ? '' : `.${rest}`}e${exponentText(exponent)}`;
}

/**
 * Python's `g`: so many digits, without an exponent where that is short.
 *
 * @param keep Keeps zeros at the end.
 * @param point Shows whole numbers with a point, as Python does for a precision without a type.
 */
export function general(value: number, digits: number, keep: boolean, point = false): string {
  const most = Math.max(digits, 1);
  const [mantissa, exponent] = exponential(value, most - 1).split('e') as [string, string];
  const at = Number(exponent);
  const whole = (shown: string) => (keep ? shown : shown.replace(/\.0*$|(\.\d*[1-9])0+$/, '$1'));
  if (at < -4 || at >= (point ? most - 1 : most)) return `${whole(mantissa)}e${exponent}`;
  const shown = whole(fixed(value, most - 1 - at));
  return point && !shown.includes('.') ? `${shown}.0` : shown;
}
