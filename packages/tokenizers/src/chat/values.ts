import { MarkedText } from './marked-text';
import { type NumberShape, numberText } from './numbers';
import type { Run } from './run';

/** A number as Python has it; `user` if it came from outside the template. */
export class Num implements NumberShape {
  readonly kind = 'number';

  constructor(
    readonly value: number,
    readonly float = false,
    readonly user = false,
  ) {}
}

export class List {
  readonly kind = 'list';

  constructor(
    readonly items: readonly Value[],
    readonly tuple = false,
  ) {}
}

/** A dictionary: entries by `keyOf` their keys, in order. */
export class Dict {
  readonly kind = 'dict';

  constructor(readonly entries: ReadonlyMap<string, readonly [Value, Value]>) {}

  get(key: string): Value | undefined {
    return this.entries.get(`s${key}`)?.[1];
  }
}

/** `namespace(…)`, whose fields can be set, and objects of Jinja, whose can't. */
export class Namespace {
  readonly kind = 'namespace';

  constructor(
    readonly fields: Map<string, Value>,
    readonly name = 'namespace',
  ) {}

  field(name: string): Value | undefined {
    return this.fields.get(name);
  }
}

/** Arguments of a call. */
export interface Args {
  readonly list: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

export class Callable {
  readonly kind = 'function';

  constructor(
    readonly name: string,
    readonly call: (args: Args) => Value,
  ) {}
}

/** What is not there; it prints as nothing, and is an error where it is used. */
export class Undefined {
  readonly kind = 'undefined';

  constructor(readonly hint: string) {}
}

/** Python's None. */
export const none = { kind: 'none', name: 'None' } as const;

/** A value of the template language. */
export type Value = boolean | typeof none | Num | MarkedText | List | Dict | Namespace | Callable | Undefined;

export function text(value: string): MarkedText {
  return new MarkedText(value);
}

export function int(value: number, user = false): Num {
  return new Num(value, false, user);
}

/** The name of a value's type, as Python's messages have it. */
export function typeName(value: Value): string {
  if (value === none) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (value.kind === 'string') return 'str';
  if (value.kind === 'number') return value.float ? 'float' : 'int';
  if (value.kind === 'list') return value.tuple ? 'tuple' : 'list';
  return value.kind === 'undefined' ? 'Undefined' : value.kind;
}

export function truthy(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  switch (value.kind) {
    case 'string':
      return value.length > 0;
    case 'number':
      return value.value !== 0;
    case 'list':
      return value.items.length > 0;
    case 'dict':
      return value.entries.size > 0;
    case 'none':
    case 'undefined':
      return false;
    default:
      return true;
  }
}

/** Python's number behind a value: booleans count as 0 and 1. */
export function numeric(value: Value): Num | null {
  if (typeof value === 'boolean') return int(value ? 1 : 0);
  return value.kind === 'number' ? value : null;
}

export function equal(run: Run, a: Value, b: Value): boolean {
  run.charge(1);
  if (a === b) return true;
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== null && y !== null) return x.value === y.value;
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
  return a.kind === 'undefined' && b.kind === 'undefined';
}

/** Order by code points, as Python has it; UTF-16 units have another one. */
export function compareText(a: string, b: string): number {
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
  if (x !== null && y !== null) return x.value < y.value ? -1 : x.value > y.value ? 1 : 0;
  if (a instanceof MarkedText && b instanceof MarkedText) {
    run.charge(Math.min(a.length, b.length));
    return compareText(a.text, b.text);
  }
  if (a instanceof List && b instanceof List) {
    for (let i = 0; i < a.items.length && i < b.items.length; i++) {
      const [left, right] = [a.items[i] as Value, b.items[i] as Value];
      if (!equal(run, left, right)) return compare(run, left, right);
    }
    return a.items.length - b.items.length;
  }
  return run.fail(`expected values with an order, got ${describe(a)} and ${describe(b)}`);
}

/** A value for messages. */
export function describe(value: Value): string {
  if (value instanceof Undefined) return value.hint;
  return typeName(value);
}

/** The texts one after the other, charged for. */
export function concat(run: Run, parts: readonly MarkedText[]): MarkedText {
  run.charge(parts.reduce((sum, part) => sum + part.length + part.user.length, parts.length));
  return MarkedText.concat(parts);
}

/** The key of a dictionary under which Python would find the value. */
export function keyOf(run: Run, value: Value): string {
  if (value instanceof MarkedText) return `s${value.text}`;
  const number = numeric(value);
  if (number !== null) return `n${number.value}`;
  if (value === none) return 'none';
  if (value instanceof List && value.tuple)
    return `t${value.items.map((item) => JSON.stringify(keyOf(run, item))).join()}`;
  return run.fail(`unhashable type: ${describe(value)}`);
}

export function dict(run: Run, pairs: Iterable<readonly [Value, Value]>): Dict {
  const entries = new Map<string, readonly [Value, Value]>();
  for (const [key, value] of pairs) {
    run.charge(1);
    const place = keyOf(run, key);
    entries.set(place, [entries.get(place)?.[0] ?? key, value]);
  }
  return new Dict(entries);
}

/** Items that a loop goes through. @throws TokenizerError `template` for what is no iterable. */
export function iterate(run: Run, value: Value): readonly Value[] {
  if (typeof value !== 'boolean') {
    switch (value.kind) {
      case 'list':
        return value.items;
      case 'dict':
        return Array.from(value.entries.values(), ([key]) => key);
      case 'string': {
        run.charge(value.length);
        const places = value.points();
        const at = (i: number) => places?.[i] ?? i;
        const count = places === null ? value.length : places.length - 1;
        return Array.from({ length: count }, (_, i) => value.slice(at(i), at(i + 1)));
      }
      case 'undefined':
        return [];
      default:
    }
  }
  return run.fail(`'${typeName(value)}' object is not iterable`);
}

/** Steps that going through a value once takes. */
export function sizeOf(value: Value): number {
  if (value instanceof MarkedText) return value.length + value.user.length;
  if (value instanceof List) return value.items.length;
  return value instanceof Dict ? value.entries.size : 0;
}

/** Number of items, or of code points. */
export function lengthOf(run: Run, value: Value): Num {
  if (value instanceof MarkedText) {
    const places = value.points();
    // Who writes the text chooses its length.
    return int(places === null ? value.length : places.length - 1, value.tainted);
  }
  if (value instanceof List) return int(value.items.length);
  if (value instanceof Dict) return int(value.entries.size);
  if (value instanceof Undefined) return int(0);
  return run.fail(`object of type '${typeName(value)}' has no len()`);
}

/** What `{{ value }}` prints. */
export function str(run: Run, value: Value): MarkedText {
  if (value instanceof MarkedText) return value;
  if (value instanceof Undefined) return text('');
  return repr(run, value);
}

const unprintable = /[\\\p{C}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu;

function escaped(char: string): string {
  if (char === '\\') return '\\\\';
  if (char === '\n') return '\\n';
  if (char === '\r') return '\\r';
  if (char === '\t') return '\\t';
  const code = char.codePointAt(0) as number;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** Python's repr. */
export function repr(run: Run, value: Value): MarkedText {
  run.charge(1);
  // Whether a message says true or null is its own choice: nothing printed of it may complete a special token.
  if (value === none) return MarkedText.user('None');
  if (typeof value === 'boolean') return MarkedText.user(value ? 'True' : 'False');
  switch (value.kind) {
    case 'number': {
      const shown = numberText(value);
      return value.user ? MarkedText.user(shown) : text(shown);
    }
    case 'string': {
      run.charge(value.length);
      const quote = value.text.includes("'") && !value.text.includes('"') ? '"' : "'";
      const made = value.replaceMatches(unprintable, escaped);
      const quoted = quote === "'" ? made.replaceMatches(/'/g, () => "\\'") : made;
      return MarkedText.concat([text(quote), quoted, text(quote)]);
    }
    case 'list': {
      const items = joined(value.items.map((item) => repr(run, item)));
      const last = value.tuple && value.items.length === 1 ? ',)' : ')';
      return MarkedText.concat([text(value.tuple ? '(' : '['), items, text(value.tuple ? last : ']')]);
    }
    case 'dict': {
      const items = Array.from(value.entries.values(), ([key, item]) =>
        MarkedText.concat([repr(run, key), text(': '), repr(run, item)]),
      );
      return MarkedText.concat([text('{'), joined(items), text('}')]);
    }
    case 'undefined':
      return text('Undefined');
    default:
      return text(`<${value.kind} ${value.name}>`);
  }
}

function joined(parts: readonly MarkedText[]): MarkedText {
  const comma = text(', ');
  return MarkedText.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [comma, part])));
}
