import { Reader, isRecord, malformed, shown } from '../config';
import { TokenizerError } from '../errors';
import type { Model } from './model';
import { readBpe } from './read-bpe';
import { readUnigram } from './unigram';
import { readWordLevel } from './word-level';
import { readWordPiece } from './word-piece';

const readers: Readonly<Record<Model['type'], (config: Reader) => Model>> = {
  BPE: readBpe,
  WordPiece: readWordPiece,
  Unigram: readUnigram,
  WordLevel: readWordLevel,
};

/**
 * The model of a tokenizer.json: `BPE`, `WordPiece`, `Unigram` or `WordLevel`. Old files leave out the type: it follows
 * from the fields.
 *
 * @param config The parsed component.
 * @param place What messages call it; default `model`.
 * @throws TokenizerError `unsupported` for another type, `invalid_file` naming the malformed place.
 *
 * @example
 * ```ts
 * import { createModel } from '@tessera-llm/tokenizers';
 * const model = createModel({ type: 'WordLevel', vocab: { '<unk>': 0, low: 1 } });
 * console.log(model.tokenize('low').ids); // [1]
 * ```
 */
export function createModel(config: unknown, place = 'model'): Model {
  const reader = Reader.of(config, place);
  const type = reader.get('type') ?? guess(reader);
  const known = Object.entries(readers).find(([name]) => name === type);
  if (known === undefined) {
    throw new TokenizerError(
      'unsupported',
      `[tokenizer] ${place}.type: expected one of ${Object.keys(readers).join(', ')}, got ${shown(type)}`,
    );
  }
  return known[1](reader);
}

function guess(reader: Reader): Model['type'] {
  if (reader.get('merges') !== undefined) return 'BPE';
  if (Array.isArray(reader.get('vocab'))) return 'Unigram';
  if (!isRecord(reader.get('vocab'))) throw malformed(reader.at('vocab'), 'a vocabulary', reader.get('vocab'));
  return reader.get('continuing_subword_prefix') === undefined ? 'WordLevel' : 'WordPiece';
}
