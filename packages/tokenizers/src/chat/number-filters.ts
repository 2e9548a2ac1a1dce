import type { ArgReader } from './arguments';
import type { Filter } from './filter';
import { MarkedText } from './marked-text';
import { fixed } from './numbers';
import { unary } from './operators';
import type { Run } from './run';
import { strip } from './strings';
import { Num, Undefined, type Value, describe, int, numeric, text } from './values';

function toNumber(run: Run, value: Value, a: ArgReader, float: boolean): Value {
  const otherwise = a.get('default') ?? (float ? new Num(0, true) : int(0));
  const number = numeric(value);
  if (number !== null) {
    if (float) return new Num(number.value, true, number.user);
    if (Number.isNaN(number.value)) return otherwise;
    if (!Number.isFinite(number.value)) return run.fail('cannot convert float infinity to integer');
    return int(number.exact, number.user);
  }
  if (value instanceof Undefined) return run.fail(value.hint);
  if (!(value instanceof MarkedText)) return otherwise;
  const whole = float ? null : wholeNumber(run, withoutUnderscores(value), a.int('base', 10));
  if (whole !== null) return int(whole, value.tainted);
  const near = floatOf(value);
  if (near === null || (!float && !Number.isFinite(near))) return otherwise;
  return float ? new Num(near, true, value.tainted) : int(BigInt(Math.trunc(near)), value.tainted);
}

function withoutUnderscores(value: MarkedText): string {
  return strip(value, 'both', null).text.replace(/(?<=[\da-z])_(?=[\da-z])/gi, '');
}

/** Python's `float(text)`, or null. */
function floatOf(value: MarkedText): number | null {
  const shown = withoutUnderscores(value);
  if (/^[+-]?nan$/i.test(shown)) return Number.NaN;
  if (/^[+-]?inf(?:inity)?$/i.test(shown)) return shown.startsWith('-') ? -Infinity : Infinity;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(shown) ? Number(shown) : null;
}

/** Python's `int(text, base)`, or null. */
function wholeNumber(run: Run, shown: string, base: number): bigint | null {
  const [, sign, prefix = '', digits = ''] = /^([+-]?)(0[box])?([\da-z]+)$/i.exec(shown) ?? [];
  const named = { '0b': 2, '0o': 8, '0x': 16 }[prefix.toLowerCase()];
  if (sign === undefined || digits.length > 4300) return null;
  // In base 16, 0b1 is a number too.
  const all = named === base || base === 0 ? digits : prefix + digits;
  const radix = base === 0 ? (named ?? 10) : base;
  run.charge(digits.length * 8);
  let made = 0n;
  for (const digit of all) {
    const value = Number.parseInt(digit, 36);
    if (!(value < radix)) return null;
    made = made * BigInt(radix) + BigInt(value);
  }
  return sign === '-' ? -made : made;
}

/** Rounded to a multiple of 10^digits, ties to even. */
function roundedWhole(value: bigint, digits: number): bigint {
  const unit = 10n ** BigInt(digits);
  const rest = ((value % unit) + unit) % unit;
  const below = value - rest;
  const up = 2n * rest > unit || (2n * rest === unit && (below / unit) % 2n !== 0n);
  return up ? below + unit : below;
}

/** A number of bytes with a unit that suits it. */
function fileSize(run: Run, value: Value, binary: boolean): MarkedText {
  const number = value instanceof MarkedText ? null : numeric(value);
  const given = (value instanceof MarkedText ? floatOf(value) : number?.value) ?? -Infinity;
  if (given === -Infinity || (number?.float === false && !Number.isFinite(given)))
    return run.fail(`expected a number of bytes, got ${describe(value)}`);
  const base = binary ? 1024n : 1000n;
  const user = value instanceof MarkedText ? value.tainted : number?.user;
  const show = (shown: string) => (user === true ? MarkedText.user(shown) : text(shown));
  if (given === 1) return show('1 Byte');
  if (given < base) return show(`${BigInt(Math.trunc(given))} Bytes`);
  // Compared with the exact unit, divided by the nearest float, as in Python.
  let power = 2n;
  while (power < 9n && !(given < base ** power)) power++;
  const scaled = (Number(base) * given) / Number(base ** power);
  const shown = Number.isFinite(scaled) ? fixed(scaled, 1) : Number.isNaN(scaled) ? 'nan' : 'inf';
  return show(`${shown} ${`${binary ? 'K' : 'k'}MGTPEZY`[Number(power) - 2]}${binary ? 'iB' : 'B'}`);
}

/** Filters that make numbers, or show them. */
export const numberFilters: Readonly<Record<string, Filter>> = {
  abs: (run, value) => {
    const number = numeric(value) ?? run.fail(`expected a number, got ${describe(value)}`);
    return number.value < 0 || Object.is(number.value, -0) ? unary(run, '-', number) : number;
  },
  filesizeformat: (run, value, args) => fileSize(run, value, args('binary').flag('binary', false)),
  float: (run, value, args) => toNumber(run, value, args('default'), true),
  int: (run, value, args) => toNumber(run, value, args('default', 'base'), false),
  round: (run, value, args) => {
    const a = args('precision', 'method');
    const number = numeric(value) ?? run.fail(`expected a number, got ${describe(value)}`);
    const precision = Math.max(-400, Math.min(a.int('precision', 0), 400));
    const method = a.text('method', 'common').text;
    const { value: near, float, user } = number;
    if (method === 'ceil' || method === 'floor') {
      const scale = 10 ** precision;
      return new Num((Math[method](near * scale) + 0) / scale, true, user);
    }
    if (method !== 'common') return run.fail('method must be common, ceil or floor');
    if (!Number.isFinite(near) || (!float && precision >= 0)) return number;
    return float
      ? new Num(Number(fixed(near, precision)), true, user)
      : int(roundedWhole(number.exact, -precision), user);
  },
};
