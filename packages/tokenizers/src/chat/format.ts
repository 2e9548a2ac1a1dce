import { MarkedText } from './marked-text';
import { fixed, numberText } from './numbers';
import { repr, str } from './repr';
import type { Run } from './run';
import { type Args, Dict, List, type Num, type Value, concat, describe, numeric, text } from './values';

/** Fills up with `fill` to `width` code points. */
export function pad(run: Run, value: MarkedText, width: number, align: '<' | '>' | '^', fill = ' '): MarkedText {
  const places = value.points();
  const missing = width - (places === null ? value.length : places.length - 1);
  if (!(missing > 0)) return value;
  run.charge(missing * fill.length);
  // `str.center` puts the odd one on the right, unless both numbers are odd.
  const left = align === '>' ? missing : align === '<' ? 0 : (missing >> 1) + (missing & width & 1);
  return concat(run, [text(fill.repeat(left)), value, text(fill.repeat(missing - left))]);
}

function numberLike(run: Run, value: Value, conversion: string): Num {
  return numeric(value) ?? run.fail(`%${conversion} format: a number is required, not ${describe(value)}`);
}

/** A number in format `type` (d, f, e, x, …) as the format languages of Python share it. */
function formatNumber(run: Run, number: Num, type: string, precision: number | null, grouped = false): MarkedText {
  let shown: string;
  if (type === 'f' || type === 'F') shown = fixed(number.value, precision ?? 6);
  else if (type === 'x') shown = Math.trunc(number.value).toString(16);
  else if (type === 'X') shown = Math.trunc(number.value).toString(16).toUpperCase();
  else if (type === '%') shown = `${fixed(number.value * 100, precision ?? 6)}%`;
  else if (type === 'd' || type === 'i') shown = numberText({ value: Math.trunc(number.value), float: false });
  else if (type === '') shown = numberText(number);
  else return run.fail(`unsupported format character ${JSON.stringify(type)}`);
  if (grouped) shown = shown.replace(/^-?\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ','));
  return number.user ? MarkedText.user(shown) : text(shown);
}

const percent = /%(?:\((\w+)\))?([-+ 0#]{0,5})(\d{1,10})?(?:\.(\d{1,10}))?([a-zA-Z%])/g;

/** `pattern % values`. */
export function percentFormat(run: Run, pattern: MarkedText, values: Value): MarkedText {
  const list = values instanceof List && values.tuple ? values.items : [values];
  const parts: MarkedText[] = [];
  let used = 0;
  let done = 0;
  for (const match of pattern.text.matchAll(percent)) {
    const [whole, name, flags = '', width, precision, conversion = ''] = match;
    parts.push(pattern.slice(done, match.index));
    done = match.index + whole.length;
    if (conversion === '%') {
      parts.push(text('%'));
      continue;
    }
    const named = name !== undefined && values instanceof Dict ? values.get(name) : undefined;
    const value = name === undefined ? list[used++] : named;
    if (value === undefined) return run.fail('not enough arguments for format string');
    let made: MarkedText;
    if (conversion === 's' || conversion === 'r') {
      made = conversion === 's' ? str(run, value) : repr(run, value);
      if (precision !== undefined) made = made.slice(0, (made.points() ?? [])[Number(precision)] ?? Number(precision));
    } else {
      made = formatNumber(
        run,
        numberLike(run, value, conversion),
        conversion,
        precision === undefined ? null : Number(precision),
      );
      if (flags.includes('+') && !made.text.startsWith('-')) made = concat(run, [text('+'), made]);
    }
    const zero = flags.includes('0') && conversion !== 's' && !flags.includes('-');
    parts.push(pad(run, made, Number(width ?? 0), flags.includes('-') ? '<' : '>', zero ? '0' : ' '));
  }
  if (used < list.length && !(values instanceof Dict)) {
    return run.fail('not all arguments converted during string formatting');
  }
  parts.push(pattern.slice(done));
  return concat(run, parts);
}

const field = /\{\{|\}\}|\{(\w*)(?:!([rs]))?(?::(?:(.)?([<>^]))?(0)?(\d+)?(,)?(?:\.(\d+))?([a-zA-Z%])?)?\}|[{}]/gu;

/** `pattern.format(…)`. */
export function braceFormat(run: Run, pattern: MarkedText, args: Args): MarkedText {
  const parts: MarkedText[] = [];
  let used = 0;
  let done = 0;
  for (const match of pattern.text.matchAll(field)) {
    const [whole, name = '', how, fill, align, zero, width, comma, precision, type] = match;
    parts.push(pattern.slice(done, match.index));
    done = match.index + whole.length;
    if (whole === '{{' || whole === '}}') {
      parts.push(text(whole.slice(1)));
      continue;
    }
    if (whole.length === 1)
      return run.fail(`expected fields like {} or {name:>8} in the format, got a single ${whole}`);
    const value = name === '' ? args.list[used++] : /^\d+$/.test(name) ? args.list[Number(name)] : args.named.get(name);
    if (value === undefined) return run.fail(`expected a value for ${whole}, got none`);
    const number = how === undefined ? numeric(value) : null;
    const digits = precision === undefined ? null : Number(precision);
    const wanted = type ?? (digits !== null && number?.float === true ? 'f' : '');
    const made =
      number !== null && typeof value !== 'boolean'
        ? formatNumber(run, number, wanted, digits, comma !== undefined)
        : how === 'r'
          ? repr(run, value)
          : str(run, value);
    const side = (align as '<' | '>' | '^' | undefined) ?? (number !== null ? '>' : '<');
    parts.push(pad(run, made, Number(width ?? 0), side, fill ?? (zero === undefined ? ' ' : '0')));
  }
  parts.push(pattern.slice(done));
  return concat(run, parts);
}
