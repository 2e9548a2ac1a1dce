import { MarkedText } from './marked-text';
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
  run.charge(1);
  // Whether a message says true or null is its own choice: nothing printed of it may complete a special token.
  if (typeof value === 'boolean') return MarkedText.user(value ? 'True' : 'False');
  switch (value.kind) {
    case 'none':
      return MarkedText.user('None');
    case 'number': {
      const shown = numberText(value);
      return value.user ? MarkedText.user(shown) : text(shown);
    }
    case 'string': {
      run.charge(value.length);
      const quote = value.text.includes("'") && !value.text.includes('"') ? '"' : "'";
      const made = value.replaceMatches(unprintable, escaped);
      const quoted = quote === "'" ? made.replaceMatches(/'/g, () => "\\'") : made;
      return MarkedText.concat([text(quote), quoted, text(quote)]);
    }
    case 'list': {
      const items = joined(value.items.map((item) => repr(run, item)));
      const last = value.tuple && value.items.length === 1 ? ',)' : ')';
      return MarkedText.concat([text(value.tuple ? '(' : '['), items, text(value.tuple ? last : ']')]);
    }
    case 'dict': {
      const items = Array.from(value.entries.values(), ([key, item]) =>
        MarkedText.concat([repr(run, key), text(': '), repr(run, item)]),
      );
      return MarkedText.concat([text('{'), joined(items), text('}')]);
    }
    case 'view': {
      if (value.name === 'range') {
        const [start, stop, step] = value.bounds;
        return text(`range(${start}, ${stop}${step === 1 ? '' : `, ${step}`})`);
      }
      return MarkedText.concat([
        text(`${value.name}([`),
        joined(value.items.map((item) => repr(run, item))),
        text('])'),
      ]);
    }
    case 'stream':
      return text(`<generator object ${value.name}>`);
    case 'undefined':
      return text('Undefined');
    case 'namespace': {
      if (value instanceof Loop) return text(value.shown);
      if (value.name !== 'namespace') return text(`<${value.name}>`);
      const fields = Array.from(value.fields, ([name, field]) => [`s${name}`, [MarkedText.user(name), field]] as const);
      return MarkedText.concat([text('<Namespace '), repr(run, new Dict(new Map(fields))), text('>')]);
    }
    case 'function':
      return text(value.type === 'Macro' ? `<Macro ${value.name}>` : `<function ${value.name}>`);
  }
}

function joined(parts: readonly MarkedText[]): MarkedText {
  const comma = text(', ');
  return MarkedText.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [comma, part])));
}
