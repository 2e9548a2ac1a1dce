import { attributePath } from './access';
import type { ArgReader } from './arguments';
import { compare, equal } from './compare';
import { type Filter, lowered } from './filter';
import { keyOf } from './keys';
import { MarkedText } from './marked-text';
import { binary } from './operators';
import { str } from './repr';
import type { Run } from './run';
import { List, Stream, Undefined, type Value, int, iterate, joined, none, text } from './values';

/** @param several Takes `a,b` as attribute for two, of which the second counts where the first ones are equal. */
function keyed(run: Run, value: Value, a: ArgReader, several = false): { item: Value; key: Value }[] {
  const attribute = a.get('attribute') ?? none;
  const names = several && attribute instanceof MarkedText ? attribute.text.split(',') : [];
  const sensitive = a.flag('case_sensitive', false);
  const items = iterate(run, value);
  run.charge(items.length * (8 + names.length));
  const part = (item: Value, path: Value) => lowered(path === none ? item : attributePath(run, item, path), sensitive);
  return items.map((item) => ({
    item,
    key: names.length > 1 ? new List(names.map((name) => part(item, text(name)))) : part(item, attribute),
  }));
}

/** `min` and `max`. */
function extreme(sign: number): Filter {
  return (run, value, args) => {
    const items = keyed(run, value, args('case_sensitive', 'attribute'));
    const best = items.reduce<{ item: Value; key: Value } | null>(
      (at, next) => (at === null || sign * compare(run, next.key, at.key) > 0 ? next : at),
      null,
    );
    return best === null ? new Undefined('No aggregated item, sequence was empty.') : best.item;
  };
}

function reverse(run: Run, value: Value): Value {
  const items = iterate(run, value).toReversed();
  if (value instanceof MarkedText) return MarkedText.concat(items as MarkedText[]).as(value.safe);
  return value instanceof Stream ? new List(items) : new Stream('reversed', () => items);
}

/** `slice`: so many columns, the first ones longer. */
function columns(run: Run, value: Value, a: ArgReader): List[] {
  const items = iterate(run, value);
  const count = a.int('slices');
  if (count < 1) return run.fail(`expected at least one slice, got ${count}`);
  run.charge(items.length + count);
  const fill = a.get('fill_with') ?? none;
  const [base, longer] = [Math.floor(items.length / count), items.length % count];
  return Array.from({ length: count }, (_, i) => {
    const start = i * base + Math.min(i, longer);
    const part = items.slice(start, start + base + (i < longer ? 1 : 0));
    return new List(fill !== none && i >= longer ? [...part, fill] : part);
  });
}

/** `batch`: rows of so many items. */
function batch(run: Run, value: Value, a: ArgReader): List[] {
  const items = iterate(run, value);
  const size = a.int('linecount');
  if (size < 1) return run.fail(`expected rows of at least one item, got ${size}`);
  const fill = a.get('fill_with') ?? none;
  run.charge(items.length + (fill === none ? 0 : size));
  const rows: List[] = [];
  for (let i = 0; i < items.length; i += size) {
    const row = items.slice(i, i + size);
    const missing = fill === none ? 0 : size - row.length;
    rows.push(new List(missing > 0 ? [...row, ...Array.from({ length: missing }, () => fill)] : row));
  }
  return rows;
}

/** Filters over lists. */
export const listFilters: Readonly<Record<string, Filter>> = {
  batch: (run, value, args) => {
    const a = args('linecount', 'fill_with');
    return new Stream('batch', () => batch(run, value, a));
  },
  first: (run, value) =>
    (value instanceof Stream ? value.take(1) : iterate(run, value))[0] ??
    new Undefined('No first item, sequence was empty.'),
  groupby: (run, value, args) => {
    const a = args('attribute', 'default', 'case_sensitive');
    const items = keyed(run, value, a).map(({ item, key }) => ({
      item,
      key: key instanceof Undefined ? (a.get('default') ?? key) : key,
    }));
    items.sort((x, y) => compare(run, x.key, y.key));
    const groups: { key: Value; first: Value; items: Value[] }[] = [];
    for (const { item, key } of items) {
      const last = groups.at(-1);
      if (last !== undefined && equal(run, last.key, key)) last.items.push(item);
      else groups.push({ key, first: attributePath(run, item, a.need('attribute')), items: [item] });
    }
    return new List(
      groups.map(
        (g) => new List([g.first instanceof Undefined ? g.key : g.first, new List(g.items)], true, ['grouper', 'list']),
      ),
    );
  },
  join: (run, value, args) => {
    const a = args('d', 'attribute');
    const attribute = a.get('attribute') ?? none;
    const between = str(run, a.get('d') ?? text(''));
    const parts = iterate(run, value).map((item) =>
      str(run, attribute === none ? item : attributePath(run, item, attribute)),
    );
    return joined(run, parts, between);
  },
  last: (run, value) => {
    if (value instanceof Stream) return run.fail("'generator' object is not reversible");
    return iterate(run, value).at(-1) ?? new Undefined('No last item, sequence was empty.');
  },
  list: (run, value) => new List(iterate(run, value)),
  max: extreme(1),
  min: extreme(-1),
  reverse,
  slice: (run, value, args) => {
    const a = args('slices', 'fill_with');
    return new Stream('slice', () => columns(run, value, a));
  },
  sort: (run, value, args) => {
    const a = args('reverse', 'case_sensitive', 'attribute');
    const sign = a.flag('reverse', false) ? -1 : 1;
    const items = keyed(run, value, a, true);
    // Values without an order are in order where they are equal.
    items.sort((x, y) => (equal(run, x.key, y.key) ? 0 : sign * compare(run, x.key, y.key)));
    return new List(items.map(({ item }) => item));
  },
  sum: (run, value, args) => {
    const a = args('attribute', 'start');
    const attribute = a.get('attribute') ?? none;
    const start = a.get('start') ?? int(0);
    if (start instanceof MarkedText) return run.fail("sum can't sum strings; join does");
    return iterate(run, value).reduce<Value>(
      (sum, item) => binary(run, '+', sum, attribute === none ? item : attributePath(run, item, attribute)),
      start,
    );
  },
  unique: (run, value, args) => {
    const a = args('case_sensitive', 'attribute');
    return new Stream('unique', () => {
      const seen = new Set<string>();
      return keyed(run, value, a).flatMap(({ item, key }) => {
        const place = keyOf(run, key);
        if (seen.has(place)) return [];
        seen.add(place);
        return [item];
      });
    });
  },
};
