import { compare } from './compare';
import { MarkedText } from './marked-text';
import { repr } from './repr';
import type { Run } from './run';
import { pythonSpaces, splitLines } from './strings';
import { Dict, List, type Value, concat, joined, lengthOf, none, numeric, text } from './values';

/** Columns of a line. */
const most = 80;
const words = new RegExp(`[^${pythonSpaces}]*[${pythonSpaces}]+|[^${pythonSpaces}]+`, 'g');

/** Keys without an order among them are sorted by the names of their types. */
function rank(key: Value): number {
  if (key === none) return 0;
  return numeric(key) !== null ? 1 : key instanceof MarkedText ? 2 : 3;
}

/** What a list, tuple or dictionary shows: names before values are empty but in dictionaries. */
interface Inside {
  readonly open: string;
  readonly entries: readonly (readonly [name: MarkedText, value: Value])[];
  readonly close: string;
}

/** Python's `pprint.pformat`: a value's repr with sorted keys, over several lines where it has more than 80 columns. */
export function pretty(run: Run, value: Value): MarkedText {
  const width = (shown: MarkedText) => lengthOf(run, shown).value;
  const known = new Map<Value, MarkedText>();

  const inside = (item: Value): Inside | null => {
    if (item instanceof List && item.names.length === 0) {
      const { items, tuple } = item;
      const entries = items.map((one) => [text(''), one] as const);
      if (!tuple) return { open: '[', entries, close: ']' };
      return { open: '(', entries, close: items.length === 1 ? ',)' : ')' };
    }
    if (!(item instanceof Dict)) return null;
    const sorted = [...item.entries.values()].sort(([a], [b]) => rank(a) - rank(b) || compare(run, a, b));
    const entries = sorted.map(([key, one]) => [concat(run, [flat(key), text(': ')]), one] as const);
    return { open: '{', entries, close: '}' };
  };

  const between = (parts: readonly MarkedText[], { open, close }: Inside, comma: string) =>
    concat(run, [text(open), joined(run, parts, text(comma)), text(close)]);

  /** On one line; each list is made but once. */
  const flat = (item: Value): MarkedText => {
    const made = known.get(item);
    if (made !== undefined) return made;
    const its = inside(item);
    if (its === null) return repr(run, item);
    const parts = its.entries.map(([name, one]) => concat(run, [name, flat(one)]));
    const line = between(parts, its, ', ');
    known.set(item, line);
    return line;
  };

  /** A string as several, which Python joins: its lines, and those cut where they have more than `room` columns. */
  const split = (item: MarkedText, room: number, after: number): MarkedText[] => {
    const chunks: MarkedText[] = [];
    let end = 0;
    for (const line of splitLines(run, item, true)) {
      let start = end;
      const lineEnd = end + line.length;
      const fits = (to: number) => width(repr(run, item.slice(start, to))) <= room - (to === item.length ? after : 0);
      if (!fits(lineEnd)) {
        for (const [word] of line.text.matchAll(words)) {
          if (end > start && !fits(end + word.length)) {
            chunks.push(repr(run, item.slice(start, end)));
            start = end;
          }
          end += word.length;
        }
      }
      end = lineEnd;
      chunks.push(repr(run, item.slice(start, end)));
    }
    return chunks;
  };

  /** @param after Columns that what follows on the last line takes. */
  const format = (item: Value, indent: number, after: number, top = false): MarkedText => {
    const shown = flat(item);
    if (width(shown) <= most - indent - after) return shown;
    const its = inside(item);
    const line = (by: number) => `\n${' '.repeat(indent + by)}`;
    if (its !== null) {
      const { entries, close } = its;
      const parts = entries.map(([name, one], i) => {
        const rest = i === entries.length - 1 ? after + close.length : 1;
        return concat(run, [name, format(one, indent + 1 + width(name), rest)]);
      });
      return between(parts, its, `,${line(1)}`);
    }
    if (!(item instanceof MarkedText) || item.safe || item.length === 0) return shown;
    // At the top, parentheses go around it.
    const own = top ? 1 : 0;
    const chunks = split(item, most - indent - own, after + own);
    const made = joined(run, chunks, text(line(own)));
    return top && chunks.length > 1 ? concat(run, [text('('), made, text(')')]) : made;
  };
  return format(value, 0, 0, true);
}
