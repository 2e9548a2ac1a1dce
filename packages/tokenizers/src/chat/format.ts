import { getAttribute, getItem } from './access';
import { formatNumber } from './format-number';
import { MarkedText } from './marked-text';
import { escapeText } from './markup';
import { repr, str } from './repr';
import type { Run } from './run';
import { type Args, Dict, List, Undefined, type Value, concat, describe, int, numeric, text } from './values';
import { pad } from './pad';

/** The first `count` code points. */
function firstPoints(value: MarkedText, count: number): MarkedText {
  return value.slice(0, value.points()?.[count] ?? count);
}

const escapeAscii = (shown: string) =>
  shown.replace(/[^\x00-\x7f]/gu, (char) => {
    const code = char.codePointAt(0) as number;
    if (code < 0x100) return `\\x${code.toString(16)}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
  });

/** Pads between the sign and the digits. */
function padZeros(run: Run, shown: MarkedText, width: number, fill = text('0')): MarkedText {
  const sign = /^[-+ ]?(?:0[bBoOxX])?/.exec(shown.text)?.[0].length ?? 0;
  return concat(run, [shown.slice(0, sign), pad(run, shown.slice(sign), width - sign, '>', fill)]);
}

const percent = /%%|%(?:\((\w+)\))?([-+ 0#]{0,5})(\d{1,10}|\*)?(?:\.(\d{0,10}|\*))?[hlL]?([diouxXeEfFgGcrsa])|%/g;

/** `pattern % values`. */
export function percentFormat(run: Run, pattern: MarkedText, values: Value): MarkedText {
  const list = values instanceof List && values.tuple ? values.items : [values];
  // To Python a list, too, is a mapping here, of which not all has to be used.
  const mapping = values instanceof Dict || values instanceof Undefined || (values instanceof List && !values.tuple);
  const parts: MarkedText[] = [];
  let used = 0;
  let done = 0;
  const take = (): Value => list[used++] ?? run.fail('not enough arguments for format string');
  const size = (given: string | undefined): number | null => {
    if (given !== '*') return given === undefined ? null : Number(given);
    const number = numeric(take());
    return number === null || number.float ? run.fail('* wants int') : number.value;
  };
  for (const match of pattern.text.matchAll(percent)) {
    const [whole, name, flags = '', givenWidth, givenPrecision, conversion] = match;
    parts.push(pattern.slice(done, match.index));
    done = match.index + whole.length;
    if (whole === '%%') {
      parts.push(pattern.slice(match.index, match.index + 1));
      continue;
    }
    if (conversion === undefined) return run.fail(`expected a format such as %s, got a single % or an incomplete one`);
    const width = size(givenWidth);
    const precision = size(givenPrecision);
    if (name !== undefined && !(values instanceof Dict)) return run.fail('format requires a mapping');
    const value = name === undefined ? take() : ((values as Dict).get(name) ?? run.fail(`no value for '${name}'`));
    const left = flags.includes('-') || (width ?? 0) < 0;
    let made: MarkedText;
    let number = false;
    if (conversion === 's' || conversion === 'r' || conversion === 'a') {
      made = conversion === 's' ? str(run, value) : repr(run, value);
      if (pattern.safe) made = escapeText(made);
      if (conversion === 'a') made = made.map(escapeAscii);
      if (precision !== null) made = firstPoints(made, precision);
    } else if (conversion === 'c') made = character(run, value);
    else {
      const given =
        numeric(value) ?? run.fail(`%${conversion} format: a real number is required, not ${describe(value)}`);
      const whole = /[diu]/.test(conversion) && given.float;
      if (whole && !Number.isFinite(given.value)) return run.fail('cannot convert float infinity or NaN to integer');
      const type = /[diu]/.test(conversion) ? 'd' : conversion;
      made = formatNumber(run, whole ? int(Math.trunc(given.value), given.user) : given, {
        type,
        precision,
        sign: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '',
        alternate: flags.includes('#'),
        grouping: '',
        zeros: 0,
      });
      number = true;
    }
    const zeros = number && flags.includes('0') && !left;
    parts.push(zeros ? padZeros(run, made, width ?? 0) : pad(run, made, Math.abs(width ?? 0), left ? '<' : '>'));
  }
  if (used < list.length && !mapping) {
    return run.fail('not all arguments converted during string formatting');
  }
  parts.push(pattern.slice(done));
  return concat(run, parts).as(pattern.safe);
}

function character(run: Run, value: Value): MarkedText {
  if (value instanceof MarkedText && firstPoints(value, 1).length === value.length && value.length > 0) return value;
  const number = numeric(value);
  if (number === null || number.float || number.value < 0 || number.value > 0x10ffff) {
    return run.fail(`%c requires a character or the number of one, got ${describe(value)}`);
  }
  const made = String.fromCodePoint(number.value);
  return number.user ? MarkedText.user(made) : text(made);
}

const field = /\{\{|\}\}|\{([^{}!:[\].]*)((?:\.\w+|\[[^\]{}]+\])*)(?:!([rsa]))?(?::([^{}]*))?\}|[{}]/gu;
const spec = /^(?:(.)?([<>^=]))?([-+ ])?(#)?(0)?(\d{1,10})?([,_])?(?:\.(\d{1,10}))?([bcdeEfFgGnosxX%])?$/u;

/** `pattern.format(…)`. */
export function braceFormat(run: Run, pattern: MarkedText, args: Args): MarkedText {
  const parts: MarkedText[] = [];
  let used = 0;
  let done = 0;
  for (const match of pattern.text.matchAll(field)) {
    const [whole, name = '', path = '', how, style = ''] = match;
    parts.push(pattern.slice(done, match.index));
    done = match.index + whole.length;
    if (whole === '{{' || whole === '}}') {
      parts.push(pattern.slice(match.index, match.index + 1));
      continue;
    }
    if (whole.length === 1) {
      return run.fail(`expected fields like {} or {name:>8} in the format, got a single ${whole}`);
    }
    const numbered = /^\d+$/.test(name);
    if (numbered && used > 0) return run.fail('cannot switch from automatic field numbering to manual');
    let value = name === '' ? args.list[used++] : numbered ? args.list[Number(name)] : args.named.get(name);
    if (value === undefined) return run.fail(`expected a value for ${whole}, got none`);
    for (const [step] of path.matchAll(/\.\w+|\[[^\]]+\]/g)) {
      const key = step.startsWith('.') ? step.slice(1) : step.slice(1, -1);
      if (step.startsWith('.')) value = getAttribute(run, value, key);
      else value = getItem(run, value, /^\d+$/.test(key) ? int(Number(key)) : text(key));
    }
    if (how !== undefined) {
      const shown = how === 's' ? str(run, value) : repr(run, value);
      value = how === 'a' ? shown.map(escapeAscii) : shown;
    }
    const made = formatValue(run, value, pattern.derive(style));
    parts.push(pattern.safe ? escapeText(made) : made);
  }
  parts.push(pattern.slice(done));
  return concat(run, parts).as(pattern.safe);
}

/** Python's `format(value, style)`. */
function formatValue(run: Run, value: Value, style: MarkedText): MarkedText {
  if (style.length === 0) return str(run, value);
  const parsed =
    spec.exec(style.text) ?? run.fail(`expected a format such as >8 or .2f, got ${JSON.stringify(style.text)}`);
  const [, fill, givenAlign, sign = '', alternate, zero, width, grouping = '', digits, type = ''] = parsed;
  const precision = digits === undefined ? null : Number(digits);
  const number = numeric(value);
  if (number === null && !(value instanceof MarkedText)) {
    return run.fail(`unsupported format string passed to ${value instanceof Undefined ? value.hint : describe(value)}`);
  }
  const align = givenAlign ?? (number !== null ? (zero === undefined ? '>' : '=') : '<');
  const filler = style.derive(fill ?? (zero === undefined ? ' ' : '0'));
  const size = Number(width ?? 0);
  if (number === null) {
    const said = value as MarkedText;
    if ((type !== '' && type !== 's') || align === '=' || sign !== '' || alternate !== undefined || grouping !== '') {
      return run.fail(`unknown format ${JSON.stringify(style.text)} for a string`);
    }
    return pad(run, precision === null ? said : firstPoints(said, precision), size, align as '<', filler, false);
  }
  if (precision !== null && (type === '' || type === 'n' ? !number.float : /[bcdoxX]/.test(type))) {
    return run.fail('precision not allowed in the format of a whole number');
  }
  if (grouping !== '' && (type === 'n' || type === 'c' || (grouping === ',' && /[boxX]/.test(type)))) {
    return run.fail(`Cannot specify '${grouping}' with '${type}'.`);
  }
  const made =
    type === 'c'
      ? character(run, number)
      : formatNumber(run, number, {
          type,
          precision,
          sign: sign === '-' ? '' : sign,
          alternate: alternate !== undefined,
          grouping,
          zeros: align === '=' && filler.text === '0' ? size : 0,
        });
  if (align === '=') return padZeros(run, made, size, filler);
  return pad(run, made, size, align as '<', filler, false);
}
