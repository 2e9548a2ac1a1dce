import { compare, equal } from './compare';
import { percentFormat } from './format';
import { MarkedText } from './marked-text';
import { str } from './repr';
import type { Run } from './run';
import { Dict, List, Num, Undefined, type Value, concat, describe, keyOf, numeric, truthy, typeName } from './values';

function repeat(run: Run, value: MarkedText | List, times: number): Value {
  const count = Math.max(0, Math.trunc(times));
  if (value instanceof MarkedText) {
    run.charge(count * (value.length + 1));
    return MarkedText.concat(Array.from({ length: count }, () => value));
  }
  run.charge(count * (value.items.length + 1));
  return new List(Array.from({ length: count }, () => value.items).flat(), value.tuple);
}

function arithmetic(run: Run, op: string, a: Num, b: Num): Num {
  const [x, y] = [a.value, b.value];
  const float = a.float || b.float;
  const user = a.user || b.user;
  const zero = (): void => {
    if (y === 0) run.fail('division by zero');
  };
  const made = (value: number, isFloat = float) => new Num(value, isFloat, user);
  switch (op) {
    case '+':
      return made(x + y);
    case '-':
      return made(x - y);
    case '*':
      return made(x * y);
    case '/':
      zero();
      return made(x / y, true);
    case '//':
      zero();
      return made(Math.floor(x / y));
    case '%':
      zero();
      return made(x - Math.floor(x / y) * y);
    default: {
      const value = x ** y;
      if (!float && !Number.isFinite(value)) run.fail('expected a result that a number can hold, got a larger one');
      return made(value, float || y < 0);
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
  if (container instanceof List) return container.items.some((other) => equal(run, item, other));
  if (container instanceof Dict) return container.entries.has(keyOf(run, item));
  if (container instanceof Undefined) return false;
  return run.fail(`argument of type '${typeName(container)}' is not iterable`);
}

/** `a op b` for operators that need both sides. */
export function binary(run: Run, op: string, a: Value, b: Value): Value {
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
    case 'not in':
      return !contains(run, a, b);
    case '~':
      return concat(run, [str(run, a), str(run, b)]);
    default:
  }
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== null && y !== null) return arithmetic(run, op, x, y);
  if (op === '+') {
    if (a instanceof MarkedText && b instanceof MarkedText) return concat(run, [a, b]);
    if (a instanceof List && b instanceof List && a.tuple === b.tuple) {
      run.charge(a.items.length + b.items.length);
      return new List([...a.items, ...b.items], a.tuple);
    }
  }
  if (op === '*') {
    if ((a instanceof MarkedText || a instanceof List) && y !== null) return repeat(run, a, y.value);
    if ((b instanceof MarkedText || b instanceof List) && x !== null) return repeat(run, b, x.value);
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
  return op === '-' ? new Num(-number.value, number.float, number.user) : number;
}
