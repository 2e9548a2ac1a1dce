import { MarkedText } from './marked-text';
import type { Run } from './run';
import { List, type Num, type Value, describe, numeric } from './values';

/** Negative, zero or positive; NaN if one of them is none. */
function order(x: Num, y: Num): number {
  const [a, b] = [x.big ?? x.value, y.big ?? y.value];
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Python's ==. */
export function equal(run: Run, a: Value, b: Value): boolean {
  run.charge(1);
  if (a === b) return true;
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== null && y !== null) return order(x, y) === 0;
  if (typeof a === 'boolean' || typeof b === 'boolean') return false;
  if (a.kind === 'string' && b.kind === 'string') {
    if (a.length !== b.length) return false;
    run.charge(a.length >> 3);
    return a.text === b.text;
  }
  if (a.kind === 'list' && b.kind === 'list') {
    return (
      a.tuple === b.tuple &&
      a.items.length === b.items.length &&
      a.items.every((item, i) => equal(run, item, b.items[i] as Value))
    );
  }
  if (a.kind === 'dict' && b.kind === 'dict') {
    if (a.entries.size !== b.entries.size) return false;
    for (const [key, [, value]] of a.entries) {
      const other = b.entries.get(key);
      if (other === undefined || !equal(run, value, other[1])) return false;
    }
    return true;
  }
  if (a.kind === 'view' && b.kind === 'view') {
    const same = (item: Value) => b.items.some((other) => equal(run, item, other));
    return a.name === b.name && a.name !== 'dict_values' && a.items.length === b.items.length && a.items.every(same);
  }
  return a.kind === 'undefined' && b.kind === 'undefined';
}

/** Order by code points, as Python has it; UTF-16 units have another one. */
function compareText(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    let [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    // Surrogates stand for what lies above U+FFFF.
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

/** Negative, zero or positive. @throws TokenizerError `template` for values without an order. */
export function compare(run: Run, a: Value, b: Value): number {
  run.charge(1);
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== null && y !== null) return order(x, y);
  if (a instanceof MarkedText && b instanceof MarkedText) {
    run.charge(Math.min(a.length, b.length));
    return compareText(a.text, b.text);
  }
  if (a instanceof List && b instanceof List && a.tuple === b.tuple) {
    for (let i = 0; i < a.items.length && i < b.items.length; i++) {
      const [left, right] = [a.items[i] as Value, b.items[i] as Value];
      if (!equal(run, left, right)) return compare(run, left, right);
    }
    return a.items.length - b.items.length;
  }
  return run.fail(`expected values with an order, got ${describe(a)} and ${describe(b)}`);
}
