import { attributePath } from './access';
import type { ArgReader } from './arguments';
import { compare } from './compare';
import { type Filter, lowered } from './filter';
import { percentFormat, pad } from './format';
import { toJson } from './json';
import { MarkedText } from './marked-text';
import { fixed } from './numbers';
import { str } from './repr';
import type { Run } from './run';
import { capitalize, replace, strip } from './strings';
import {
  type Args,
  Dict,
  List,
  Num,
  Undefined,
  type Value,
  concat,
  describe,
  int,
  iterate,
  keyOf,
  lengthOf,
  none,
  numeric,
  text,
  truthy,
} from './values';

const entities = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ["'", '&#39;'],
  ['"', '&#34;'],
]);

const escape: Filter = (run, value) =>
  str(run, value).replaceMatches(/[&<>'"]/g, (char) => entities.get(char) as string);

const length: Filter = (run, value) => lengthOf(run, value);

const fallback: Filter = (_, value, args) => {
  const a = args('default_value', 'boolean');
  const absent = value instanceof Undefined || (a.flag('boolean', false) && !truthy(value));
  return absent ? (a.get('default_value') ?? text('')) : value;
};

function toNumber(run: Run, value: Value, a: ArgReader, float: boolean): Value {
  const otherwise = a.get('default') ?? (float ? new Num(0, true) : int(0));
  const number = numeric(value);
  if (number !== null) {
    if (!float && !Number.isFinite(number.value)) return otherwise;
    return new Num(float ? number.value : Math.trunc(number.value), float, number.user);
  }
  if (value instanceof Undefined) return run.fail(value.hint);
  if (!(value instanceof MarkedText)) return otherwise;
  const base = float ? 10 : a.int('base', 10);
  const shown = strip(value, 'both', null).text.replace(/(?<=\d)_(?=\d)/g, '');
  if (!float && base !== 10) {
    const parsed = Number.parseInt(shown, base);
    return Number.isNaN(parsed) ? otherwise : int(parsed, value.tainted);
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(shown)) return otherwise;
  run.charge(shown.length);
  return new Num(float ? Number(shown) : Math.trunc(Number(shown)), float, value.tainted);
}

function indent(run: Run, value: MarkedText, a: ArgReader): MarkedText {
  const width = a.get('width');
  const by = width instanceof MarkedText ? width : text(' '.repeat(Math.min(a.int('width', 4), 1000)));
  const blank = a.flag('blank', false);
  const lines = value.text.split(/\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]/);
  run.charge(value.length + lines.length * (by.length + 1 + value.user.length));
  const parts: MarkedText[] = [];
  let at = 0;
  lines.forEach((line, i) => {
    if (i > 0) parts.push(text('\n'));
    if ((i > 0 || a.flag('first', false)) && (line !== '' || blank)) parts.push(by);
    parts.push(value.slice(at, at + line.length));
    at += line.length + (value.text.startsWith('\r\n', at + line.length) ? 2 : 1);
  });
  return concat(run, parts);
}

function truncate(run: Run, value: MarkedText, a: ArgReader): MarkedText {
  const limit = a.int('length', 255);
  const end = a.text('end', '...');
  const places = value.points();
  const count = places === null ? value.length : places.length - 1;
  if (count <= limit + a.int('leeway', 5)) return value;
  const kept = Math.max(0, limit - end.length);
  const cut = value.slice(0, places?.[kept] ?? kept);
  const space = a.flag('killwords', false) ? -1 : cut.text.lastIndexOf(' ');
  return concat(run, [space < 0 ? cut : cut.slice(0, space), end]);
}

function dictSort(run: Run, value: Value, a: ArgReader): List {
  if (!(value instanceof Dict)) return run.fail(`expected a mapping to sort, got ${describe(value)}`);
  const by = a.text('by', 'key').text === 'value' ? 1 : 0;
  const sensitive = a.flag('case_sensitive', false);
  const entries = [...value.entries.values()];
  run.charge(entries.length * 8);
  entries.sort((x, y) => compare(run, lowered(x[by], sensitive), lowered(y[by], sensitive)));
  if (a.flag('reverse', false)) entries.reverse();
  return new List(entries.map((entry) => new List(entry, true)));
}

/** Text without tags and comments, in linear time. */
function withoutTags(html: string): string {
  let out = '';
  let done = 0;
  let comments = true;
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', done)) {
    let end = -1;
    if (comments && html.startsWith('<!--', at)) {
      end = html.indexOf('-->', at + 4) + 2;
      if (end < 2) comments = false;
    }
    if (end < 2) end = html.indexOf('>', at);
    if (end < 0) break;
    out += html.slice(done, at);
    done = end + 1;
  }
  return out + html.slice(done);
}

/** Filters over single values. */
export const scalarFilters: Readonly<Record<string, Filter>> = {
  abs: (run, value) => {
    const number = numeric(value) ?? run.fail(`expected a number, got ${describe(value)}`);
    return new Num(Math.abs(number.value), number.float, number.user);
  },
  attr: (run, value, args) => attributePath(run, value, args('name').need('name')),
  capitalize: (run, value) => str(run, value).map(capitalize),
  center: (run, value, args) => pad(run, str(run, value), args('width').int('width', 80), '^'),
  count: length,
  d: fallback,
  default: fallback,
  dictsort: (run, value, args) => dictSort(run, value, args('case_sensitive', 'by', 'reverse')),
  e: escape,
  escape,
  float: (run, value, args) => toNumber(run, value, args('default'), true),
  forceescape: escape,
  format: (run, value, _, raw) =>
    percentFormat(run, str(run, value), raw.named.size > 0 ? namedDict(run, raw) : new List(raw.list, true)),
  indent: (run, value, args) => indent(run, str(run, value), args('width', 'first', 'blank')),
  int: (run, value, args) => toNumber(run, value, args('default', 'base'), false),
  items: (run, value) => {
    if (value instanceof Undefined) return new List([]);
    if (!(value instanceof Dict)) return run.fail('Can only get item pairs from a mapping.');
    return new List(Array.from(value.entries.values(), (entry) => new List(entry, true)));
  },
  length,
  lower: (run, value) => str(run, value).map((s) => s.toLowerCase()),
  replace: (run, value, args) => {
    const a = args('old', 'new', 'count');
    return replace(run, str(run, value), str(run, a.need('old')), str(run, a.need('new')), a.int('count', -1));
  },
  round: (run, value, args) => {
    const a = args('precision', 'method');
    const number = numeric(value) ?? run.fail(`expected a number, got ${describe(value)}`);
    const precision = Math.max(-20, Math.min(a.int('precision', 0), 20));
    const method = a.text('method', 'common').text;
    const scale = 10 ** precision;
    const made =
      method === 'ceil'
        ? Math.ceil(number.value * scale) / scale
        : method === 'floor'
          ? Math.floor(number.value * scale) / scale
          : precision < 0
            ? Number(fixed(number.value * scale, 0)) / scale
            : Number(fixed(number.value, precision));
    return new Num(made, number.float || method !== 'common', number.user);
  },
  safe: (_, value) => value,
  string: (run, value) => str(run, value),
  striptags: (run, value) => {
    const given = str(run, value);
    return given.derive(withoutTags(given.text).split(/\s+/).filter(Boolean).join(' '));
  },
  title: (run, value) =>
    str(run, value).map((s) =>
      s
        .split(/([-\s({[<]+)/)
        .map((part) => capitalize(part))
        .join(''),
    ),
  tojson: (run, value, args) => {
    const a = args('ensure_ascii', 'indent', 'separators', 'sort_keys');
    const given = a.get('indent') ?? none;
    const width =
      given === none ? null : given instanceof MarkedText ? given.text : ' '.repeat(Math.min(a.int('indent'), 1000));
    const separators = a.get('separators') ?? none;
    const pair = separators === none ? null : iterate(run, separators).map((item) => str(run, item).text);
    return toJson(run, value, {
      indent: width,
      ensureAscii: a.flag('ensure_ascii', false),
      itemSeparator: pair?.[0] ?? (width === null ? ', ' : ','),
      keySeparator: pair?.[1] ?? ': ',
      sortKeys: a.flag('sort_keys', false),
    });
  },
  trim: (run, value, args) => strip(str(run, value), 'both', args('chars').optionalText('chars')?.text ?? null),
  truncate: (run, value, args) => truncate(run, str(run, value), args('length', 'killwords', 'end', 'leeway')),
  upper: (run, value) => str(run, value).map((s) => s.toUpperCase()),
  urlencode: (run, value) => {
    const given = str(run, value);
    const quote = (s: string) =>
      encodeURIComponent(s.replace(/[\ud800-\udfff]/gu, '\ufffd')).replace(
        /[!'()*]/g,
        (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
      );
    return given.derive(quote(given.text).replaceAll('%2F', '/'));
  },
  wordcount: (run, value) => {
    const given = str(run, value);
    return int((given.text.match(/[\p{L}\p{N}_]+/gu) ?? []).length, given.tainted);
  },
};

function namedDict(run: Run, raw: Args): Dict {
  const entries = new Map<string, readonly [Value, Value]>();
  for (const [name, value] of raw.named) entries.set(keyOf(run, text(name)), [text(name), value]);
  return new Dict(entries);
}
