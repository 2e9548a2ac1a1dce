import { MarkedText, TextBuilder } from './marked-text';
import { numberText } from './numbers';
import type { Run } from './run';
import { Loop } from './loop';
import { Dict, Undefined, type Value, text } from './values';

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
  const out = new TextBuilder();
  write(run, value, (part) => {
    run.charge(1 + part.length + part.user.length);
    out.add(part);
  });
  return out.done();
}

function write(run: Run, value: Value, add: (part: MarkedText) => void): void {
  // Whether a message says true or null is its own choice: nothing printed of it may complete a special token.
  if (typeof value === 'boolean') return add(MarkedText.user(value ? 'True' : 'False'));
  const list = (open: string, items: readonly Value[], close: string) => {
    add(text(open));
    items.forEach((item, i) => {
      if (i > 0) add(text(', '));
      write(run, item, add);
    });
    add(text(close));
  };
  switch (value.kind) {
    case 'none':
      return add(MarkedText.user('None'));
    case 'number': {
      const shown = numberText(value);
      return add(value.user ? MarkedText.user(shown) : text(shown));
    }
    case 'string': {
      run.charge(value.length);
      const quote = value.text.includes("'") && !value.text.includes('"') ? '"' : "'";
      const made = value.replaceMatches(unprintable, escaped);
      const quoted = quote === "'" ? made.replaceMatches(/'/g, () => "\\'") : made;
      const [open, close] = value.safe ? ['Markup(', ')'] : ['', ''];
      return add(MarkedText.concat([text(open + quote), quoted, text(quote + close)]));
    }
    case 'list': {
      const last = value.tuple && value.items.length === 1 ? ',)' : ')';
      return list(value.tuple ? '(' : '[', value.items, value.tuple ? last : ']');
    }
    case 'dict': {
      let before = '{';
      for (const [key, item] of value.entries.values()) {
        add(text(before));
        write(run, key, add);
        add(text(': '));
        write(run, item, add);
        before = ', ';
      }
      return add(text(value.entries.size === 0 ? '{}' : '}'));
    }
    case 'view': {
      if (value.name !== 'range') return list(`${value.name}([`, value.items, '])');
      const [start, stop, step] = value.bounds;
      return add(text(`range(${start}, ${stop}${step === 1 ? '' : `, ${step}`})`));
    }
    case 'stream':
      return add(text(`<generator object ${value.name}>`));
    case 'undefined':
      return add(text('Undefined'));
    case 'namespace': {
      if (value instanceof Loop) return add(text(value.shown));
      if (value.name !== 'namespace') return add(text(`<${value.name}>`));
      const fields = Array.from(value.fields, ([name, field]) => [`s${name}`, [MarkedText.user(name), field]] as const);
      add(text('<Namespace '));
      write(run, new Dict(new Map(fields)), add);
      return add(text('>'));
    }
    case 'function':
      return add(text(value.type === 'Macro' ? `<Macro ${value.name}>` : `<function ${value.name}>`));
  }
}
