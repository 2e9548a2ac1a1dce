import { isRecord } from '../config';
import { Bpe } from '../models/bpe';
import type { Model } from '../models/model';
import type { PreTokenizer } from '../pre-tokenizers/pre-tokenizer';
import { ByteBpe } from './byte-bpe';
import { type Scanner, type Splitter, gpt2Splitter, patterns, splitterFor } from './scanners';

/** The scanner that does what a whole pre-tokenizer does, or null. */
export function scannerOf(preTokenizer: PreTokenizer): Scanner | null {
  return splitterOf(preTokenizer.toJSON())?.scan ?? null;
}

/** @param json Of a pre-tokenizer. */
function splitterOf(json: Record<string, unknown>): Splitter | null {
  const steps: unknown = json.type === 'Sequence' ? json.pretokenizers : [json];
  if (!Array.isArray(steps)) return null;
  const parts: unknown[] = steps;
  const last = parts[parts.length - 1];
  if (!isRecord(last) || last.type !== 'ByteLevel' || last.add_prefix_space === true) return null;
  const first = parts[0];
  if (parts.length === 1) return last.use_regex === false ? null : splitterFor(patterns.gpt2);
  if (parts.length > 2 || !isRecord(first)) return null;
  if (first.type === 'Digits')
    return first.individual_digits === true && last.use_regex !== false ? gpt2Splitter(true) : null;
  const { pattern } = first;
  if (first.type !== 'Split' || last.use_regex !== false || !isRecord(pattern) || typeof pattern.Regex !== 'string')
    return null;
  // The known patterns match every character, so that removing what lies between their matches changes nothing.
  const isolated = first.behavior === 'Isolated' && first.invert === false;
  const removed = first.behavior === 'Removed' && first.invert === true;
  return isolated || removed ? splitterFor(pattern.Regex) : null;
}

/** The short way to the ids, where pre-tokenizer and model allow one. */
export function fastEncoder(preTokenizer: PreTokenizer | null, model: Model): ByteBpe | null {
  if (!(model instanceof Bpe) || preTokenizer === null) return null;
  const json = preTokenizer.toJSON();
  // By itself, ByteLevel puts its space before a text, not before each word.
  const prefixesSpace = json.type === 'ByteLevel' && json.add_prefix_space === true;
  const splitter = splitterOf(prefixesSpace ? { ...json, add_prefix_space: false } : json);
  return splitter === null ? null : ByteBpe.of(model, splitter, prefixesSpace);
}
