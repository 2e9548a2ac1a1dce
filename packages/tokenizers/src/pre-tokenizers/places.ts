import { isRecord } from '../config';

/**
 * True if a pre-tokenizer looks at where its text began in the input: a Metaspace with `prepend_scheme` first. Where a
 * normaliser moves places, its ids need a text that remembers them.
 *
 * @param json The component of tokenizer.json.
 */
export function looksAtPlaces(json: unknown): boolean {
  if (!isRecord(json)) return false;
  if (json.type === 'Sequence') return Array.isArray(json.pretokenizers) && json.pretokenizers.some(looksAtPlaces);
  return json.type === 'Metaspace' && json.prepend_scheme === 'first';
}
