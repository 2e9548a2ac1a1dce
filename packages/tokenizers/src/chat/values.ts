import { MarkedText } from './marked-text';
import type { NumberShape } from './numbers';
import type { Run } from './run';

/** A number as Python has it; `user` if it came from outside the template. */
export class Num implements NumberShape {
  readonly kind = 'number';

  constructor(
    readonly value: number,
    readonly float = false,
    readonly user = false,
    /** The exact value of a whole number beyond 2^53. */
    readonly big: bigint | null = null,
  ) {}

  /** The exact value of a whole number. */
  get exact(): bigint {
    return this.big ?? BigInt(Math.trunc(this.value));
  }
}

export class List {
  readonly kind = 'list';

  constructor(
    readonly items: readonly Value[],
    readonly tuple = false,
    /** Names of the items of a named tuple. */
    readonly names: readonly string[] = [],
  ) {}
}

/** `range(…)`, and what `keys`, `values` and `items` of a dictionary give: no lists to Python. */
export class View {
  readonly kind = 'view';

  constructor(
    readonly name: 'range' | 'dict_items' | 'dict_keys' | 'dict_values',
    readonly items: readonly Value[],
    /** Start, stop and step of a range. */
    readonly bounds: readonly [number, number, number] = [0, 0, 1],
  ) {}
}

/** A generator, such as `map` gives: true in a condition, without a length, and its items can be had once. */
export class Stream {
  readonly kind = 'stream';
  private made: readonly Value[] | null = null;
  private at = 0;

  constructor(
    readonly name: string,
    private readonly make: () => readonly Value[],
  ) {}

  /** The next items, all that there are left by default. */
  take(count = Number.POSITIVE_INFINITY): readonly Value[] {
    this.made ??= this.make();
    const taken = this.made.slice(this.at, this.at + count);
    this.at += taken.length;
    return taken;
  }
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
  /** Names out of a mapping after `**`, as it has them. */
  readonly keys?: ReadonlyMap<string, MarkedText>;
}

const noFields: ReadonlyMap<string, Value> = new Map();

export class Callable {
  readonly kind = 'function';

  constructor(
    readonly name: string,
    readonly call: (args: Args) => Value,
    readonly type: 'function' | 'Macro' = 'function',
    readonly fields: ReadonlyMap<string, Value> = noFields,
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
export type Value =
  | boolean
  | typeof none
  | Num
  | MarkedText
  | List
  | View
  | Stream
  | Dict
  | Namespace
  | Callable
  | Undefined;

/** The name of an argument, from outside if it was a key there. */
export function nameOf({ keys }: Args, name: string): MarkedText {
  return keys?.get(name) ?? text(name);
}

export function text(value: string): MarkedText {
  return new MarkedText(value);
}

/** A whole number. */
export function int(value: number | bigint, user = false): Num {
  const near = Number(value);
  if (Number.isSafeInteger(near)) return new Num(near, false, user);
  return new Num(near, false, user, BigInt(value));
}

/** The name of a value's type, as Python's messages have it. */
export function typeName(value: Value): string {
  if (value === none) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (value.kind === 'string') return 'str';
  if (value.kind === 'number') return value.float ? 'float' : 'int';
  if (value.kind === 'list') return value.tuple ? 'tuple' : 'list';
  if (value.kind === 'view') return value.name;
  if (value.kind === 'stream') return 'generator';
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
    case 'view':
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

/** The texts with another one between them. */
export function joined(run: Run, parts: readonly MarkedText[], between: MarkedText): MarkedText {
  return concat(
    run,
    parts.flatMap((part, i) => (i === 0 ? [part] : [between, part])),
  );
}

/** Items that a loop goes through. @throws TokenizerError `template` for what is no iterable. */
export function iterate(run: Run, value: Value): readonly Value[] {
  if (typeof value !== 'boolean') {
    switch (value.kind) {
      case 'list':
      case 'view':
        return value.items;
      case 'stream':
        return value.take();
      case 'dict':
        return Array.from(value.entries.values(), ([key]) => key);
      case 'string': {
        run.charge(value.length);
        // Characters of markup are plain text.
        const plain = value.as(false);
        const places = plain.points();
        const at = (i: number) => places?.[i] ?? i;
        const count = places === null ? plain.length : places.length - 1;
        return Array.from({ length: count }, (_, i) => plain.slice(at(i), at(i + 1)));
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
  if (value instanceof List || value instanceof View) return value.items.length;
  return value instanceof Dict ? value.entries.size : 0;
}

/** Number of items, or of code points. */
export function lengthOf(run: Run, value: Value): Num {
  if (value instanceof MarkedText) {
    const places = value.points();
    // Who writes the text chooses its length.
    return int(places === null ? value.length : places.length - 1, value.tainted);
  }
  if (value instanceof List || value instanceof View) return int(value.items.length);
  if (value instanceof Dict) return int(value.entries.size);
  if (value instanceof Undefined) return int(0);
  return run.fail(`object of type '${typeName(value)}' has no len()`);
}
