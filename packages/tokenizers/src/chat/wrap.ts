import type { ArgReader } from './arguments';
import { MarkedText } from './marked-text';
import type { Run } from './run';
import { pythonSpaces, splitLines } from './strings';
import { type Value, describe, joined, text, truthy } from './values';

// Python's textwrap: spaces of ASCII, dashes between words, words up to a hyphen or their end.
const space = '[\\t-\\r ]';
const word = '[\\p{L}\\p{N}_]';
const letter = '[\\p{L}\\p{Nl}\\p{No}_]';
const marked = '(?<=[\\p{L}\\p{N}_!"\'&.,?])';
const hyphen = `-(?:(?<=${letter}${letter}-)|(?<=${letter}-${letter}-))(?=${letter}-?${letter})`;
const atHyphens = new RegExp(
  `${space}+|${marked}-{2,}(?=${word})|[^\\t-\\r ]+?(?:${hyphen}|(?=${space}|$)|${marked}(?=-{2,}${word}))`,
  'gu',
);
const atSpaces = new RegExp(`${space}+|[^\\t-\\r ]+`, 'gu');

const blank = new RegExp(`^[${pythonSpaces}]*$`);

/** The lines that `textwrap.wrap` makes of one. */
function wrapLine(line: MarkedText, width: number, pattern: RegExp, breaks: boolean, hyphens: boolean): MarkedText[] {
  const places = line.points();
  const unit = (at: number) => places?.[at] ?? at;
  const raw = (from: number, to: number) => line.text.slice(unit(from), unit(to));
  /** Where words and spaces end, in characters. */
  const ends: number[] = [];
  for (const [match] of line.text.matchAll(pattern)) ends.push((ends.at(-1) ?? 0) + [...match].length);
  /** Where a long word is cut: behind the last hyphen that fits, unless only hyphens are before it. */
  const cut = (from: number, end: number, room: number): number => {
    const fits = [...raw(from, from + room)];
    const hyphen = hyphens && end - from > room ? fits.lastIndexOf('-') : -1;
    return from + (fits.findIndex((char) => char !== '-') < hyphen ? hyphen + 1 : room);
  };
  const lines: MarkedText[] = [];
  let at = 0;
  for (let next = 0; next < ends.length; ) {
    // Behind the last one, no comparison holds.
    const end = () => ends[next] as number;
    if (lines.length > 0 && blank.test(raw(at, end()))) at = ends[next++] as number;
    const from = at;
    let last = at;
    while (end() - from <= width) {
      last = at;
      at = ends[next++] as number;
    }
    if (end() - at > width) {
      if (breaks || at === from) last = at;
      if (breaks) at = cut(at, end(), width - (at - from));
      else if (at === from) at = ends[next++] as number;
    }
    const to = blank.test(raw(last, at)) ? last : at;
    if (to > from) lines.push(line.slice(unit(from), unit(to)));
  }
  return lines;
}

/** The filter `wordwrap`. */
export function wordWrap(run: Run, value: Value, a: ArgReader): MarkedText {
  if (!(value instanceof MarkedText)) return run.fail(`expected a string to wrap, got ${describe(value)}`);
  const width = a.int('width', 79);
  const breaks = a.flag('break_long_words', true);
  const between = a.text('wrapstring', '\n');
  const hyphens = a.get('break_on_hyphens') ?? true;
  const lines = splitLines(run, value, false);
  if (width < 1 && lines.length > 0) return run.fail(`expected a width of at least 1, got ${width}`);
  const wrapped = lines.flatMap((line) => {
    const parts = wrapLine(line, width, hyphens === true ? atHyphens : atSpaces, breaks, truthy(hyphens));
    return parts.length > 0 ? parts : [text('')];
  });
  return joined(run, wrapped, between);
}
