import { compare } from './compare';
import { MarkedText, TextBuilder } from './marked-text';
import { numberText } from './numbers';
import type { Run } from './run';
import { type Value, describe, none, numeric, text, typeName } from './values';

/** Settings of Python's `json.dumps`. */
export interface JsonStyle {
  readonly indent: MarkedText | null;
  readonly ensureAscii: boolean;
  readonly itemSeparator: MarkedText;
  readonly keySeparator: MarkedText;
  readonly sortKeys: boolean;
}

const short = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\b', '\\b'],
  ['\f', '\\f'],
]);

function escaped(char: string): string {
  return short.get(char) ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

// Control characters have to be escaped.
const always = /["\\\u0000-\u001f]/g;
const notAscii = /["\\\u0000-\u001f\u007f-\uffff]/g;

/** `json.dumps` without HTML escaping; what came from outside stays marked. */
export function toJson(run: Run, value: Value, style: JsonStyle): MarkedText {
  const out = new TextBuilder();
  const add = (part: MarkedText) => {
    run.charge(1 + part.length + part.user.length);
    out.add(part);
  };
  const plain = (made: string) => add(text(made));
  const quoted = (string: MarkedText) => {
    run.charge(string.length);
    plain('"');
    add(string.replaceMatches(style.ensureAscii ? notAscii : always, escaped));
    plain('"');
  };
  const scalar = (item: Value): MarkedText | null => {
    if (item === none) return MarkedText.user('null');
    if (typeof item === 'boolean') return MarkedText.user(item ? 'true' : 'false');
    const number = numeric(item);
    if (number === null) return null;
    const shown = numberText(number).replace('nan', 'NaN').replace('inf', 'Infinity');
    return number.user ? MarkedText.user(shown) : text(shown);
  };
  const line = (depth: number) => {
    if (style.indent === null) return;
    plain('\n');
    for (let i = 0; i < depth; i++) add(style.indent);
  };
  const list = (open: string, close: string, writers: readonly (() => void)[], depth: number) => {
    plain(open);
    writers.forEach((write, i) => {
      if (i > 0) add(style.itemSeparator);
      line(depth + 1);
      write();
    });
    if (writers.length > 0) line(depth);
    plain(close);
  };
  const write = (item: Value, depth: number): void => {
    const simple = scalar(item);
    if (simple !== null) add(simple);
    else if (typeof item === 'boolean') return;
    else if (item.kind === 'string') quoted(item);
    else if (item.kind === 'list') {
      list(
        '[',
        ']',
        item.items.map((child) => () => write(child, depth + 1)),
        depth,
      );
    } else if (item.kind === 'dict') {
      const entries = [...item.entries.values()].map(([key, child]) => {
        const name = key instanceof MarkedText ? key : scalar(key);
        if (name === null) return run.fail(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
        return { key, name, child };
      });
      if (style.sortKeys) entries.sort((a, b) => compare(run, a.key, b.key));
      list(
        '{',
        '}',
        entries.map(({ name, child }) => () => {
          quoted(name);
          add(style.keySeparator);
          write(child, depth + 1);
        }),
        depth,
      );
    } else run.fail(`Object of type ${describe(item)} is not JSON serializable`);
  };
  write(value, 0);
  return out.done();
}
