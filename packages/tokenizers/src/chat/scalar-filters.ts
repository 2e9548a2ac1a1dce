import { ownAttribute } from './access';
import type { ArgReader } from './arguments';
import { compare } from './compare';
import { type Filter, lowered } from './filter';
import { percentFormat } from './format';
import { toJson } from './json';
import { keyOf } from './keys';
import { MarkedText } from './marked-text';
import { plus } from './markup';
import { pad } from './pad';
import { pretty } from './pretty';
import { str } from './repr';
import type { Run } from './run';
import { capitalize, pythonSpaces, replace, strip } from './strings';
import {
  type Args,
  Dict,
  List,
  Stream,
  Undefined,
  type Value,
  concat,
  describe,
  int,
  iterate,
  lengthOf,
  nameOf,
  none,
  text,
  truthy,
} from './values';
import { wordWrap } from './wrap';

/** What stands between the signs before which `title` begins a word. */
const titleWords = new RegExp(`[^-({[<${pythonSpaces}]+`, 'g');

function titled(given: string): string {
  return given.replace(titleWords, (word) => {
    const first = String.fromCodePoint(word.codePointAt(0) as number);
    return first.toUpperCase() + word.slice(first.length).toLowerCase();
  });
}

const length: Filter = (run, value) => lengthOf(run, value);

const fallback: Filter = (_, value, args) => {
  const a = args('default_value', 'boolean');
  const absent = value instanceof Undefined || (a.flag('boolean', false) && !truthy(value));
  return absent ? (a.get('default_value') ?? text('')) : value;
};

function blanks(run: Run, count: number): MarkedText {
  run.charge(Math.max(0, count));
  return text(' '.repeat(Math.max(0, count)));
}

function indent(run: Run, value: Value, a: ArgReader): MarkedText {
  if (!(value instanceof MarkedText)) return run.fail(`expected a string to indent, got ${describe(value)}`);
  const width = a.get('width');
  const by = width instanceof MarkedText ? width : blanks(run, a.int('width', 4));
  const blank = a.flag('blank', false);
  const even = value.replaceMatches(/\r\n|[\r\v\f\u001c-\u001e\u0085\u2028\u2029]/g, () => '\n');
  const lines = even.text.split('\n');
  run.charge(value.length + lines.length * (by.length + 1 + value.user.length));
  const parts: MarkedText[] = [];
  let at = 0;
  lines.forEach((line, i) => {
    if (i > 0) parts.push(even.slice(at - 1, at));
    if (i === 0 ? a.flag('first', false) : line !== '' || blank) parts.push(by);
    parts.push(even.slice(at, at + line.length));
    at += line.length + 1;
  });
  return concat(run, parts).as(value.safe);
}

function truncate(run: Run, value: Value, a: ArgReader): Value {
  const limit = a.int('length', 255);
  const end = a.text('end', '...');
  if (limit < end.length) return run.fail(`expected a length of at least that of the end, ${end.length}, got ${limit}`);
  if (lengthOf(run, value).value <= limit + a.int('leeway', 5)) return value;
  if (!(value instanceof MarkedText)) return run.fail(`expected a string to cut, got ${describe(value)}`);
  const places = value.points();
  const kept = Math.max(0, limit - end.length);
  const cut = value.slice(0, places?.[kept] ?? kept);
  const space = a.flag('killwords', false) ? -1 : cut.text.lastIndexOf(' ');
  return plus(run, space < 0 ? cut : cut.slice(0, space), end);
}

function dictSort(run: Run, value: Value, a: ArgReader): List {
  if (!(value instanceof Dict)) return run.fail(`expected a mapping to sort, got ${describe(value)}`);
  const by = ['key', 'value'].indexOf(a.text('by', 'key').text);
  if (by < 0) return run.fail("expected 'key' or 'value' as what to sort by");
  const sensitive = a.flag('case_sensitive', false);
  const entries = [...value.entries.values()];
  run.charge(entries.length * 8);
  const sign = a.flag('reverse', false) ? -1 : 1;
  entries.sort((x, y) => sign * compare(run, lowered(x[by] as Value, sensitive), lowered(y[by] as Value, sensitive)));
  return new List(entries.map((entry) => new List(entry, true)));
}

/** Filters over single values. */
export const scalarFilters: Readonly<Record<string, Filter>> = {
  attr: (run, value, args) => ownAttribute(run, value, args('name').text('name').text),
  capitalize: (run, value) => str(run, value).map(capitalize),
  center: (run, value, args) => {
    const given = str(run, value);
    return pad(run, given, args('width').int('width', 80), '^').as(given.safe);
  },
  count: length,
  d: fallback,
  default: fallback,
  dictsort: (run, value, args) => dictSort(run, value, args('case_sensitive', 'by', 'reverse')),
  format: (run, value, _, raw) =>
    percentFormat(run, str(run, value), raw.named.size > 0 ? namedDict(run, raw) : new List(raw.list, true)),
  indent: (run, value, args) => indent(run, value, args('width', 'first', 'blank')),
  items: (run, value) =>
    new Stream('items', () => {
      if (value instanceof Undefined) return [];
      if (!(value instanceof Dict)) return run.fail('Can only get item pairs from a mapping.');
      return Array.from(value.entries.values(), (entry) => new List(entry, true));
    }),
  length,
  lower: (run, value) => str(run, value).map((s) => s.toLowerCase()),
  replace: (run, value, args) => {
    const a = args('old', 'new', 'count');
    return replace(run, str(run, value), str(run, a.need('old')), str(run, a.need('new')), a.int('count', -1));
  },
  pprint: (run, value) => pretty(run, value),
  string: (run, value) => str(run, value),
  // Joined of its words, it is no markup.
  title: (run, value) => str(run, value).as(false).map(titled),
  tojson: (run, value, args) => {
    const a = args('ensure_ascii', 'indent', 'separators', 'sort_keys');
    const given = a.get('indent') ?? none;
    const width = given === none ? null : given instanceof MarkedText ? given : blanks(run, a.int('indent'));
    const separators = a.get('separators') ?? none;
    const pair = separators === none ? null : iterate(run, separators).map((item) => str(run, item));
    if (pair !== null && pair.length !== 2) return run.fail(`expected two separators, got ${pair.length}`);
    return toJson(run, value, {
      indent: width,
      ensureAscii: a.flag('ensure_ascii', false),
      itemSeparator: pair?.[0] ?? text(width === null ? ', ' : ','),
      keySeparator: pair?.[1] ?? text(': '),
      sortKeys: a.flag('sort_keys', false),
    });
  },
  trim: (run, value, args) => strip(str(run, value), 'both', args('chars').optionalText('chars')?.text ?? null),
  truncate: (run, value, args) => truncate(run, value, args('length', 'killwords', 'end', 'leeway')),
  upper: (run, value) => str(run, value).map((s) => s.toUpperCase()),
  wordcount: (run, value) => {
    const given = str(run, value);
    return int((given.text.match(/[\p{L}\p{N}_]+/gu) ?? []).length, given.tainted);
  },
  wordwrap: (run, value, args) =>
    wordWrap(run, value, args('width', 'break_long_words', 'wrapstring', 'break_on_hyphens')),
};

function namedDict(run: Run, raw: Args): Dict {
  const entries = new Map<string, readonly [Value, Value]>();
  for (const [name, value] of raw.named) entries.set(keyOf(run, text(name)), [nameOf(raw, name), value]);
  return new Dict(entries);
}
