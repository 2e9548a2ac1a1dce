import { compare, equal } from './compare';
import { percentFormat } from './format';
import { soughtKey } from './keys';
import { MarkedText } from './marked-text';
import { plus } from './markup';
import type { Run } from './run';
import {
  Dict,
  List,
  Num,
  Stream,
  Undefined,
  type Value,
  View,
  describe,
  int,
  numeric,
  truthy,
  typeName,
} from './values';

/** Whole numbers of more bits are taken for an attack. */
const maxBits = 65_536;

function repeat(run: Run, value: MarkedText | List, times: number): Value {
  const count = Math.max(0, times);
  if (value instanceof MarkedText) {
    run.charge(count * (value.length + 1));
    return MarkedText.concat(Array.from({ length: count }, () => value)).as(value.safe);
  }
  run.charge(count * (value.items.length + 1));
  return new List(Array.from({ length: count }, () => value.items).flat(), value.tuple);
}

const bits = (value: bigint) => value.toString(16).length * 4;

/** Whole numbers, exactly. */
function wholeArithmetic(run: Run, op: string, x: bigint, y: bigint): bigint {
  run.charge((bits(x) + bits(y)) >> 3);
  const size = op === '**' ? bits(x) * Number(y) : op === '*' ? bits(x) + bits(y) : 0;
  if (!(size <= maxBits) && x !== 0n && x !== 1n && x !== -1n) {
    return run.fail(`expected a result of at most ${maxBits} bits, got a larger one`);
  }
  switch (op) {
    case '+':
      return x + y;
    case '-':
      return x - y;
    case '*':
      return x * y;
    case '//':
      return (x - wholeArithmetic(run, '%', x, y)) / y;
    case '%': {
      const rest = x % y;
      return rest !== 0n && rest < 0n !== y < 0n ? rest + y : rest;
    }
    default:
      return x ** y;
  }
}

/** Python's remainder of floats: of the sign of `y`. */
function remainder(x: number, y: number): number {
  const rest = x % y;
  if (rest === 0) return y < 0 ? -0 : 0;
  return rest < 0 !== y < 0 ? rest + y : rest;
}

function arithmetic(run: Run, op: string, a: Num, b: Num): Num {
  const [x, y] = [a.value, b.value];
  const user = a.user || b.user;
  if (y === 0 && (op === '/' || op === '//' || op === '%')) return run.fail('division by zero');
  if (op === '/') return new Num(x / y, true, user);
  if (!a.float && !b.float && !(op === '**' && y < 0)) {
    const quick = op === '+' ? x + y : op === '-' ? x - y : op === '*' ? x * y : Number.NaN;
    if (Number.isSafeInteger(quick)) return new Num(quick === 0 ? 0 : quick, false, user);
    return int(wholeArithmetic(run, op, a.exact, b.exact), user);
  }
  const made = (value: number) => new Num(value, true, user);
  switch (op) {
    case '+':
      return made(x + y);
    case '-':
      return made(x - y);
    case '*':
      return made(x * y);
    case '//': {
      const quotient = (x - remainder(x, y)) / y;
      if (quotient === 0) return made(x / y < 0 || Object.is(x / y, -0) ? -0 : 0);
      return made(Math.abs(quotient - Math.round(quotient)) === 0.5 ? Math.floor(quotient) : Math.round(quotient));
    }
    case '%':
      return made(remainder(x, y));
    default: {
      // Exact to the last digit where the power is a whole number that a float holds.
      if (!a.float && !b.float && x !== 0) return made(1 / x ** -y);
      if (x === 0 && y < 0) return run.fail('0.0 cannot be raised to a negative power');
      const value = x ** y;
      if (Number.isNaN(value) && !Number.isNaN(x)) return run.fail('expected a real result, got a complex number');
      if (!Number.isFinite(value) && Number.isFinite(x)) return run.fail('numerical result out of range');
      return made(value);
    }
  }
}

function contains(run: Run, item: Value, container: Value): boolean {
  if (container instanceof MarkedText) {
    if (item instanceof MarkedText) {
      run.charge(container.length);
      return container.text.includes(item.text);
    }
    return run.fail(`'in <string>' requires string as left operand, not ${describe(item)}`);
  }
  if (container instanceof List || container instanceof View) {
    // Only to refuse what can't be a key.
    if (container.kind === 'view' && container.name === 'dict_keys') soughtKey(run, item);
    return container.items.some((other) => equal(run, item, other));
  }
  if (container instanceof Stream) {
    for (let next = container.take(1); next.length > 0; next = container.take(1)) {
      if (equal(run, item, next[0] as Value)) return true;
    }
    return false;
  }
  if (container instanceof Dict) return container.entries.has(soughtKey(run, item));
  if (container instanceof Undefined) return false;
  return run.fail(`argument of type '${typeName(container)}' is not iterable`);
}

/** `a op b` for comparisons. */
export function compared(run: Run, op: string, a: Value, b: Value): boolean {
  switch (op) {
    case '==':
      return equal(run, a, b);
    case '!=':
      return !equal(run, a, b);
    case '<':
      return compare(run, a, b) < 0;
    case '<=':
      return compare(run, a, b) <= 0;
    case '>':
      return compare(run, a, b) > 0;
    case '>=':
      return compare(run, a, b) >= 0;
    case 'in':
      return contains(run, a, b);
    default:
      return !contains(run, a, b);
  }
}

/** `a op b` for arithmetic, and what Python makes of it for strings and lists. */
export function binary(run: Run, op: string, a: Value, b: Value): Value {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== null && y !== null) return arithmetic(run, op, x, y);
  if (op === '+') {
    if (a instanceof MarkedText && b instanceof MarkedText) return plus(run, a, b);
    if (a instanceof List && b instanceof List && a.tuple === b.tuple) {
      run.charge(a.items.length + b.items.length);
      return new List([...a.items, ...b.items], a.tuple);
    }
  }
  if (op === '*') {
    if ((a instanceof MarkedText || a instanceof List) && y?.float === false) return repeat(run, a, y.value);
    if ((b instanceof MarkedText || b instanceof List) && x?.float === false) return repeat(run, b, x.value);
  }
  if (op === '%' && a instanceof MarkedText) return percentFormat(run, a, b);
  if (a instanceof Undefined) return run.fail(a.hint);
  if (b instanceof Undefined) return run.fail(b.hint);
  return run.fail(`expected operands for which there is ${op}, got ${describe(a)} and ${describe(b)}`);
}

export function unary(run: Run, op: string, value: Value): Value {
  if (op === 'not') return !truthy(value);
  const number = numeric(value);
  if (number === null) return run.fail(`expected a number after ${op}, got ${describe(value)}`);
  if (op === '+') return number;
  return number.float ? new Num(-number.value, true, number.user) : int(-number.exact, number.user);
}
