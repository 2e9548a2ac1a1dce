import { TokenizerError } from '../errors';
import { MarkedText } from './marked-text';
import { placeOf } from './run';
import { type Side, pythonSpace, pythonSpaces, strip } from './strings';

/** A part of a template's source: text, or what stands between the braces of a tag. */
export interface Segment {
  readonly type: 'text' | 'expression' | 'statement';
  readonly content: string;
  /** Line of its beginning, from 1. */
  readonly line: number;
}

const blank = new RegExp(`^[${pythonSpaces}]+$`);
const rawTag = new RegExp(`[${pythonSpaces}]*raw[${pythonSpaces}]*(-?)%\\}`, 'y');
const endRawTag = new RegExp(`\\{%([-+]?)[${pythonSpaces}]*endraw[${pythonSpaces}]*([-+]?)%\\}`, 'g');

const trimmed = (text: string, side: Side) => strip(new MarkedText(text), side, null).text;

const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Where a string literal that begins at `at` ends, or -1. */
function endOfString(source: string, at: number): number {
  const quote = source[at];
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === quote) return i + 1;
  }
  return -1;
}

/**
 * Cuts a template at its tags as Jinja does with `trim_blocks` and `lstrip_blocks`: the newline after a block or
 * comment goes, and so does the blank before one that begins a line; `-` takes all whitespace, `+` keeps it.
 *
 * @throws TokenizerError `template` for a tag without an end.
 */
export function cut(name: string, given: string): Segment[] {
  const source = given.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  const out: Segment[] = [];
  let at = 0;
  let line = 1;
  let counted = 0;
  const lineAt = (place: number): number => {
    for (; counted < place; counted++) if (source[counted] === '\n') line++;
    return line;
  };
  const fail = (place: number, message: string): never => {
    throw new TokenizerError('template', `[${placeOf(name, lineAt(place))}] ${message}`);
  };
  const push = (type: Segment['type'], content: string, place: number) => {
    if (type !== 'text' || content !== '') out.push({ type, content, line: lineAt(place) });
  };
  /** Goes behind a tag that ended at `end`: `-` takes whitespace, else a block's newline goes. */
  const after = (end: number, sign: string | undefined, block: boolean) => {
    at = end;
    if (sign === '-') while (at < source.length && pythonSpace.test(source[at] as string)) at++;
    else if (block && sign !== '+' && source[at] === '\n') at++;
  };
  /** Text before a tag with the given sign. */
  const before = (from: number, to: number, sign: string | undefined, block: boolean): string => {
    const text = source.slice(from, to);
    if (sign === '-') return trimmed(text, 'right');
    if (sign === '+' || !block) return text;
    const lineStart = text.lastIndexOf('\n') + 1;
    const beginsLine = lineStart > 0 || from === 0 || source[from - 1] === '\n';
    return beginsLine && blank.test(text.slice(lineStart)) ? text.slice(0, lineStart) : text;
  };
  const opening = /\{[{%#]/g;
  while (at < source.length) {
    opening.lastIndex = at;
    const start = opening.exec(source)?.index ?? source.length;
    const kind = source[start + 1];
    const block = kind !== '{';
    const sign = /[-+]/.test(source[start + 2] ?? '') ? source[start + 2] : undefined;
    push('text', start === source.length ? source.slice(at) : before(at, start, sign, block), at);
    if (start === source.length) break;
    const inner = start + 2 + (sign === undefined ? 0 : 1);
    if (kind === '#') {
      const end = source.indexOf('#}', inner);
      if (end < 0) fail(start, 'Missing end of comment tag');
      const last = end > inner ? source[end - 1] : undefined;
      after(end + 2, last === '-' || last === '+' ? last : undefined, true);
      continue;
    }
    rawTag.lastIndex = inner;
    const raw = kind === '%' ? rawTag.exec(source) : null;
    if (raw !== null) {
      const from = inner + raw[0].length;
      endRawTag.lastIndex = from;
      const end = endRawTag.exec(source) ?? fail(start, 'Missing end of raw directive');
      const text = before(from, end.index, end[1] === '' ? undefined : end[1], true);
      push('text', raw[1] === '-' ? trimmed(text, 'left') : text, from);
      after(end.index + end[0].length, end[2], true);
      continue;
    }
    const end = endOfTag(source, inner, kind === '{' ? '}}' : '%}');
    if (end < 0) fail(start, `expected ${kind === '{' ? '}}' : '%}'} at the end of the tag, got none`);
    const last = source[end - 1];
    const closing = end > inner && (last === '-' || (last === '+' && block)) ? last : undefined;
    push(block ? 'statement' : 'expression', source.slice(inner, closing === undefined ? end : end - 1), start);
    after(end + 2, closing, block);
  }
  return out;
}

/** Where `close` ends a tag, outside strings and brackets; -1 if nowhere. */
function endOfTag(source: string, from: number, close: string): number {
  const open: string[] = [];
  for (let i = from; i < source.length; ) {
    const char = source[i] as string;
    if (open.length === 0 && source.startsWith(close, i)) return i;
    if (char === '"' || char === "'") {
      const end = endOfString(source, i);
      if (end < 0) return -1;
      i = end;
      continue;
    }
    const closer = closers[char];
    if (closer !== undefined) open.push(closer);
    else if (char === open.at(-1)) open.pop();
    i++;
  }
  return -1;
}
