import { Reader, malformed } from '../config';
import { type Pattern, compilePattern, literalPattern } from './pattern';

/** A pattern of tokenizer.json: `{"String": …}` or `{"Regex": …}`; old files have a bare string. */
export function readPattern(
  value: unknown,
  place: string,
): { readonly pattern: Pattern; readonly source: string | null; readonly toJSON: () => unknown } {
  if (typeof value === 'string')
    return { pattern: literalPattern(value), source: null, toJSON: () => ({ String: value }) };
  const reader = Reader.of(value, place);
  const regex = reader.get('Regex');
  if (typeof regex === 'string')
    return { pattern: compilePattern(regex), source: regex, toJSON: () => ({ Regex: regex }) };
  const literal = reader.get('String');
  if (typeof literal !== 'string') throw malformed(place, 'a String or a Regex', value);
  return { pattern: literalPattern(literal), source: null, toJSON: () => ({ String: literal }) };
}
