import { MarkedText } from './marked-text';
import { exponential, fixed, general, numberText } from './numbers';
import type { Run } from './run';
import { type Num, describe, text } from './values';

/** How a number is shown, in the terms that Python's two format languages share. */
interface NumberStyle {
  /** `d`, `f`, `e`, `x` and so on; empty for Python's own choice. */
  readonly type: string;
  readonly precision: number | null;
  /** What stands before positive numbers: nothing, a plus or a blank. */
  readonly sign: string;
  /** `#`: with 0x and the like, zeros at the end of `g`. */
  readonly alternate: boolean;
  /** What stands between thousands, or four digits of another base: nothing, a comma or an underscore. */
  readonly grouping: string;
  /** Width up to which zeros are grouped like digits. */
  readonly zeros: number;
}

const bases: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16 };
/** Longer numbers are not shown digit by digit. */
const maxPrecision = 1000;

function digitsOf(run: Run, number: Num, { type, precision, alternate }: NumberStyle): string {
  // Without a locale `n` is one of the others.
  const kind = type === 'n' ? (number.float ? 'g' : 'd') : type.toLowerCase();
  if (precision !== null && precision > maxPrecision) {
    return run.fail(`expected a precision up to ${maxPrecision}, got ${precision}`);
  }
  const atLeast = (shown: string) => shown.replace(/\w+/, (digits) => digits.padStart(precision ?? 0, '0'));
  const wrong = (): never => run.fail(`unknown format code '${type}' for ${describe(number)}`);
  if (kind === 'd' || kind === 'i' || kind === 'u' || (kind === '' && !number.float)) {
    return number.float ? wrong() : atLeast(number.exact.toString());
  }
  const base = bases[kind];
  if (base !== undefined) {
    if (number.float) return wrong();
    const shown = atLeast(number.exact.toString(base));
    return alternate ? shown.replace(/^-?/, (sign) => `${sign}0${kind}`) : shown;
  }
  const { value } = number;
  if (!Number.isFinite(value)) return numberText({ value, float: true, big: null }) + (kind === '%' ? '%' : '');
  switch (kind) {
    case 'f':
      return fixed(value, precision ?? 6);
    case '%':
      return `${fixed(value * 100, precision ?? 6)}%`;
    case 'e':
      return exponential(value, precision ?? 6);
    case 'g':
      return general(value, precision ?? 6, alternate);
    case '':
      return precision === null ? numberText(number) : general(value, precision, false, true);
    default:
      return wrong();
  }
}

/** The digits before the point in groups; infinity has none. */
function grouped(run: Run, shown: string, { type, grouping, zeros }: NumberStyle): string {
  const [size, form] = /[box]/i.test(type) ? [4, /^([-+ ]?(?:0[box])?)([\da-f]+)()$/i] : [3, /^([-+ ]?)(\d+)(.*)$/];
  const [, head = '', digits = '', tail = ''] = form.exec(shown) ?? [];
  if (digits === '') return shown;
  const least = Math.floor(((zeros - head.length - tail.length) * size) / (size + 1)) + 1;
  run.charge(Math.max(least, digits.length));
  const all = digits.padStart(least, '0');
  const parts = [all.slice(0, all.length % size)];
  for (let at = all.length % size; at < all.length; at += size) parts.push(all.slice(at, at + size));
  return head + parts.filter((part) => part !== '').join(grouping) + tail;
}

/** A number as one of Python's format languages shows it, without padding. */
export function formatNumber(run: Run, number: Num, style: NumberStyle): MarkedText {
  run.charge((style.precision ?? 0) + (number.big === null ? 0 : number.big.toString().length));
  let shown = digitsOf(run, number, style);
  if (/[A-Z]/.test(style.type)) shown = shown.toUpperCase();
  if (style.sign !== '' && !shown.startsWith('-')) shown = style.sign + shown;
  if (style.grouping !== '') shown = grouped(run, shown, style);
  return number.user ? MarkedText.user(shown) : text(shown);
}
