import { ArgReader } from './arguments';
import { equal } from './compare';
import { braceFormat } from './format';
import { soughtKey } from './keys';
import { MarkedText } from './marked-text';
import { escapeText } from './markup';
import { pad } from './pad';
import { str } from './repr';
import type { Run } from './run';
import { type Side, capitalize, count, pythonTitle, questions, replace, split, splitLines, strip } from './strings';
import {
  type Args,
  Callable,
  Dict,
  List,
  Undefined,
  type Value,
  View,
  concat,
  describe,
  int,
  iterate,
  none,
  sizeOf,
  text,
  typeName,
} from './values';

type Method<T> = (run: Run, self: T, args: (...parameters: string[]) => ArgReader, raw: Args) => Value;

const sides: Readonly<Record<string, Side>> = { strip: 'both', lstrip: 'left', rstrip: 'right' };

/** What is between the arguments `start` and `end`, which count code points; null where they leave no place. */
function stretch(self: MarkedText, args: ArgReader): { readonly text: string; readonly start: number } | null {
  const places = self.points();
  const length = places === null ? self.length : places.length - 1;
  const place = (at: number) => Math.max(at < 0 ? at + length : at, 0);
  const unit = (at: number) => places?.[at] ?? at;
  const [start, end] = [place(args.int('start', 0)), Math.min(place(args.int('end', length)), length)];
  return start > end ? null : { text: self.text.slice(unit(start), unit(end)), start: unit(start) };
}

function affixed(run: Run, self: MarkedText, args: ArgReader, test: (part: string, affix: string) => boolean): boolean {
  const part = stretch(self, args);
  if (part === null) return false;
  const affix = args.need('affix');
  const choices = affix instanceof List && affix.tuple ? affix.items : [affix];
  return choices.some((choice) => {
    if (!(choice instanceof MarkedText))
      return run.fail(`expected a string or a tuple of them, got ${describe(choice)}`);
    return test(part.text, choice.text);
  });
}

/** Code points before the first or last occurrence, or -1. */
function find(self: MarkedText, args: ArgReader, last: boolean): number {
  const part = stretch(self, args);
  const sought = args.text('sub').text;
  if (part === null) return -1;
  const at = last ? part.text.lastIndexOf(sought) : part.text.indexOf(sought);
  if (at < 0) return -1;
  return self.points()?.indexOf(part.start + at) ?? part.start + at;
}

function partition(run: Run, self: MarkedText, separator: MarkedText, last: boolean): List {
  if (separator.length === 0) return run.fail('empty separator');
  const at = last ? self.text.lastIndexOf(separator.text) : self.text.indexOf(separator.text);
  const empty = text('');
  if (at < 0) return new List(last ? [empty, empty, self] : [self, empty, empty], true);
  const end = at + separator.length;
  return new List([self.slice(0, at), self.slice(at, end), self.slice(end)], true);
}

function padded(run: Run, self: MarkedText, args: ArgReader, align: '<' | '>' | '^'): MarkedText {
  const given = args.text('fill', ' ');
  const fill = self.safe ? escapeText(given) : given;
  if ([...fill.text].length !== 1) return run.fail('The fill character must be exactly one character long');
  return pad(run, self, args.int('width'), align, fill);
}

function expandTabs(run: Run, self: MarkedText, size: number): MarkedText {
  const parts: MarkedText[] = [];
  let column = 0;
  let done = 0;
  for (const { 0: char, index } of self.text.matchAll(/./gsu)) {
    if (char === '\t') {
      const width = size > 0 ? size - (column % size) : 0;
      run.charge(width);
      parts.push(self.slice(done, index), text(' '.repeat(width)));
      done = index + 1;
      column += width;
    } else column = char === '\n' || char === '\r' ? 0 : column + 1;
  }
  return concat(run, [...parts, self.slice(done)]);
}

/** Full case folding, character by character: Cherokee folds to capitals, and the dotless i to itself. */
function caseFold(s: string): string {
  return s.replace(/[^\u0131]/gu, (c) =>
    /\p{Script=Cherokee}/u.test(c) ? c.toUpperCase() : c.toLowerCase().toUpperCase().toLowerCase(),
  );
}

const stringMethods: Readonly<Record<string, Method<MarkedText>>> = {
  upper: (_, self) => self.map((s) => s.toUpperCase()),
  lower: (_, self) => self.map((s) => s.toLowerCase()),
  casefold: (_, self) => self.map(caseFold),
  swapcase: (_, self) =>
    self.map((s) =>
      s.replace(/[\p{Lowercase}\p{Uppercase}]/gu, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())),
    ),
  title: (_, self) => self.map(pythonTitle),
  capitalize: (_, self) => self.map(capitalize),
  startswith: (run, self, args) => affixed(run, self, args('affix', 'start', 'end'), (part, x) => part.startsWith(x)),
  endswith: (run, self, args) => affixed(run, self, args('affix', 'start', 'end'), (part, x) => part.endsWith(x)),
  split: (run, self, args) => {
    const a = args('sep', 'maxsplit');
    return new List(split(run, self, a.optionalText('sep'), a.int('maxsplit', -1)));
  },
  rsplit: (run, self, args) => {
    const a = args('sep', 'maxsplit');
    return new List(split(run, self, a.optionalText('sep'), a.int('maxsplit', -1), true));
  },
  splitlines: (run, self, args) => new List(splitLines(run, self, args('keepends').flag('keepends', false))),
  partition: (run, self, args) => partition(run, self, args('sep').text('sep'), false),
  rpartition: (run, self, args) => partition(run, self, args('sep').text('sep'), true),
  replace: (run, self, args) => {
    const a = args('old', 'new', 'count');
    const made = a.text('new');
    return replace(run, self, a.text('old'), self.safe ? escapeText(made) : made, a.int('count', -1));
  },
  join: (run, self, args) => {
    const items = iterate(run, args('iterable').need('iterable'));
    const parts = items.map((item, i) => {
      if (item instanceof MarkedText) return self.safe ? escapeText(item) : item;
      return run.fail(`sequence item ${i}: expected str instance, ${describe(item)} found`);
    });
    return concat(
      run,
      parts.flatMap((part, i) => (i === 0 ? [part] : [self, part])),
    );
  },
  find: (_, self, args) => int(find(self, args('sub', 'start', 'end'), false), self.tainted),
  rfind: (_, self, args) => int(find(self, args('sub', 'start', 'end'), true), self.tainted),
  index: (run, self, args) => {
    const at = find(self, args('sub', 'start', 'end'), false);
    return at < 0 ? run.fail('substring not found') : int(at, self.tainted);
  },
  rindex: (run, self, args) => {
    const at = find(self, args('sub', 'start', 'end'), true);
    return at < 0 ? run.fail('substring not found') : int(at, self.tainted);
  },
  count: (_, self, args) => {
    const a = args('sub', 'start', 'end');
    const part = stretch(self, a);
    return int(part === null ? 0 : count(part.text, a.text('sub').text), self.tainted);
  },
  expandtabs: (run, self, args) => expandTabs(run, self, args('tabsize').int('tabsize', 8)),
  removeprefix: (_, self, args) => {
    const prefix = args('prefix').text('prefix').text;
    return self.text.startsWith(prefix) ? self.slice(prefix.length) : self;
  },
  removesuffix: (_, self, args) => {
    const suffix = args('suffix').text('suffix').text;
    return suffix !== '' && self.text.endsWith(suffix) ? self.slice(0, self.length - suffix.length) : self;
  },
  center: (run, self, args) => padded(run, self, args('width', 'fill'), '^'),
  ljust: (run, self, args) => padded(run, self, args('width', 'fill'), '<'),
  rjust: (run, self, args) => padded(run, self, args('width', 'fill'), '>'),
  zfill: (run, self, args) => {
    const sign = /^[+-]/.test(self.text) ? 1 : 0;
    const filled = pad(run, self.slice(sign), args('width').int('width') - sign, '>', text('0'));
    return concat(run, [self.slice(0, sign), filled]);
  },
  format: (run, self, _, raw) => braceFormat(run, self, raw),
  format_map: (run, self, args) => {
    const values = args('mapping').need('mapping');
    if (!(values instanceof Dict)) return run.fail(`expected a mapping of values, got ${describe(values)}`);
    const entries = Array.from(values.entries.values(), ([key, value]) => [str(run, key).text, value] as const);
    return braceFormat(run, self, { list: [], named: new Map(entries) });
  },
};

const dictMethods: Readonly<Record<string, Method<Dict>>> = {
  get: (run, self, args) => {
    const a = args('key', 'default');
    return self.entries.get(soughtKey(run, a.need('key')))?.[1] ?? a.get('default') ?? none;
  },
  keys: (_, self) =>
    new View(
      'dict_keys',
      Array.from(self.entries.values(), ([key]) => key),
    ),
  values: (_, self) =>
    new View(
      'dict_values',
      Array.from(self.entries.values(), ([, value]) => value),
    ),
  items: (_, self) =>
    new View(
      'dict_items',
      Array.from(self.entries.values(), (entry) => new List(entry, true)),
    ),
  copy: (_, self) => self,
};

// A tuple has the first two.
const listMethods: Readonly<Record<string, Method<List>>> = {
  index: (run, self, args) => {
    const at = self.items.findIndex((item) => equal(run, item, args('value').need('value')));
    return at < 0 ? run.fail('expected an item that is in the list, got another') : int(at);
  },
  count: (run, self, args) => int(self.items.filter((item) => equal(run, item, args('value').need('value'))).length),
  copy: (_, self) => self,
};

// transformers renders in an immutable sandbox, where these are errors.
const forbidden: Readonly<Record<string, readonly string[]>> = {
  list: ['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort'],
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
};

function bind<T extends Value>(run: Run, self: T, name: string, method: Method<T>): Callable {
  return new Callable(name, (raw) => {
    run.charge(1 + sizeOf(self));
    return method(run, self, (...parameters) => new ArgReader(run, `${name}()`, raw, parameters), raw);
  });
}

/** What a method of markup gives is markup too, as far as it is text. */
function alike(self: MarkedText, made: Value): Value {
  if (made instanceof MarkedText) return made.as(self.safe);
  if (!(made instanceof List && self.safe)) return made;
  const items = made.items.map((item) => alike(self, item));
  return new List(items, made.tuple);
}

/** The method of a value, or undefined. */
export function methodOf(run: Run, value: Value, name: string): Callable | Undefined | undefined {
  if (value instanceof MarkedText) {
    const side = Object.hasOwn(sides, name) ? sides[name] : undefined;
    if (side !== undefined) {
      return bind(run, value, name, (_, self, args) =>
        strip(self, side, args('chars').optionalText('chars')?.text ?? null),
      );
    }
    const question = Object.hasOwn(questions, name) ? questions[name] : undefined;
    if (question !== undefined) return bind(run, value, name, (_, self) => question(self.text));
    const method = Object.hasOwn(stringMethods, name) ? stringMethods[name] : undefined;
    return method && bind(run, value, name, (...given) => alike(value, method(...given)));
  }
  if (value instanceof View && value.name === 'range' && (name === 'index' || name === 'count')) {
    return methodOf(run, new List(value.items), name);
  }
  if (value instanceof Dict || value instanceof List) {
    const type = value instanceof Dict ? 'dict' : 'list';
    if (forbidden[type]?.includes(name)) {
      return new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe`);
    }
    if (value instanceof Dict) {
      const method = Object.hasOwn(dictMethods, name) ? dictMethods[name] : undefined;
      return method && bind(run, value, name, method);
    }
    const method =
      Object.hasOwn(listMethods, name) && !(value.tuple && name === 'copy') ? listMethods[name] : undefined;
    return method && bind(run, value, name, method);
  }
  return undefined;
}
