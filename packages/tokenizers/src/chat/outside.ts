import { TokenizerError } from '../errors';
import { MarkedText } from './marked-text';
import { Dict, List, Num, type Value, int, none, text } from './values';

/** Deeper nesting is taken for an attack; JSON schemas stay far below. */
const maxDepth = 100;

/** Roles that a template may use to build a special token, as `'<|' ~ message.role ~ '|>'` does. */
const knownRoles = new Set([
  'assistant',
  'context',
  'developer',
  'environment',
  'function',
  'ipython',
  'model',
  'observation',
  'system',
  'tool',
  'user',
]);

/** A role that is known counts as the template's own text, any other as text from outside. */
function role(value: string): MarkedText {
  return knownRoles.has(value) ? text(value) : MarkedText.user(value);
}

/** Turns values from outside into those of the template language, all marked, and counts their characters. */
export class OutsideValues {
  size = 0;

  private wrong(place: string, got: string): never {
    throw new TokenizerError(
      'invalid_argument',
      `[applyChatTemplate] expected strings, numbers, booleans, null, lists and plain objects of them, got ${got} at ${place}`,
    );
  }

  /** @throws TokenizerError `invalid_argument` for what JSON has no value for. */
  convert(value: unknown, place: string, depth = 0): Value {
    this.size++;
    if (depth > maxDepth) this.wrong(place, `more than ${maxDepth} levels`);
    if (value === null || value === undefined) return none;
    if (typeof value === 'string') {
      this.size += value.length;
      return MarkedText.user(value);
    }
    if (typeof value === 'boolean') return value;
    if (typeof value === 'number') {
      // JSON writers give an exponent to larger numbers, which Python reads as a float.
      return Number.isInteger(value) && Math.abs(value) < 1e21 ? int(value, true) : new Num(value, true, true);
    }
    if (Array.isArray(value)) {
      return new List(value.map((item: unknown, i) => this.convert(item, `${place}[${i}]`, depth + 1)));
    }
    if (typeof value !== 'object') this.wrong(place, `a ${typeof value}`);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) this.wrong(place, 'an object of a class');
    const entries = new Map<string, readonly [Value, Value]>();
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      this.size += key.length;
      entries.set(`s${key}`, [MarkedText.user(key), this.convert(item, `${place}.${key}`, depth + 1)]);
    }
    return new Dict(entries);
  }

  /** A message: keys without a value are left out, and its reasoning goes under the names that templates read. */
  message(given: unknown, place: string): Dict {
    const value = this.convert(given, place);
    if (!(value instanceof Dict)) {
      throw new TokenizerError(
        'invalid_argument',
        `[applyChatTemplate] expected an object as ${place}, got ${typeof given}`,
      );
    }
    let entries = new Map([...value.entries].filter(([, [, item]]) => item !== none));
    const said = entries.get('srole')?.[1];
    if (said instanceof MarkedText) entries.set('srole', [text('role'), role(said.text)]);
    const reasoning = ['sreasoning_content', 'sthinking', 'sreasoning'].flatMap(
      (key) => entries.get(key)?.[1] ?? [],
    )[0];
    if (reasoning !== undefined) {
      const thinking = [text('thinking'), reasoning] as const;
      entries = new Map([
        ['sthinking', thinking],
        ...entries,
        ['sreasoning_content', [text('reasoning_content'), reasoning]],
      ]);
    }
    return new Dict(entries);
  }
}
