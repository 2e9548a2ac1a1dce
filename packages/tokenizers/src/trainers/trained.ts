import { isRecord } from '../config';
import { byteLevelDecoder } from '../decoders/bytes';
import { createDecoder } from '../decoders/create';
import type { Decoder } from '../decoders/decoder';
import type { Model } from '../models/model';
import type { PreTokenizer } from '../pre-tokenizers/pre-tokenizer';
import { Tokenizer } from '../tokenizer';
import type { TrainOptions } from './options';

/** The last component of a pre-tokenizer, as tokenizer.json has it. */
function lastOf(preTokenizer: PreTokenizer | null): Record<string, unknown> | null {
  const json = preTokenizer?.toJSON();
  const parts: unknown = json?.type === 'Sequence' ? json.pretokenizers : [json];
  const last: unknown = Array.isArray(parts) ? parts[parts.length - 1] : null;
  return isRecord(last) ? last : null;
}

/** True if words come as bytes in the byte alphabet. */
export function endsWithBytes(preTokenizer: PreTokenizer | null): boolean {
  return lastOf(preTokenizer)?.type === 'ByteLevel';
}

/** What undoes a pre-tokenizer: ByteLevel and Metaspace have a decoder of their own. */
function decoderOf(preTokenizer: PreTokenizer | null): Decoder | null {
  const last = lastOf(preTokenizer);
  if (last?.type === 'ByteLevel') return byteLevelDecoder();
  return last?.type === 'Metaspace' ? createDecoder(last) : null;
}

/**
 * The tokenizer of a trained model.
 *
 * @param decoder What the model needs to be written as text; it comes after what the caller wants.
 */
export function trained(model: Model, options: TrainOptions, decoder?: Decoder | null): Tokenizer {
  const { normalizer = null, preTokenizer = null, specialTokens = [], postProcessor = null } = options;
  // Of a token that is given twice the last flags count, in the place of the first.
  const flags = new Map(
    specialTokens.map((token) => (typeof token === 'string' ? { content: token } : token)).map((t) => [t.content, t]),
  );
  const addedTokens = Array.from(flags, ([content, token]) => ({
    special: true,
    ...token,
    id: model.vocab.get(content) as number,
  }));
  return new Tokenizer({
    normalizer,
    preTokenizer,
    postProcessor,
    model,
    addedTokens,
    decoder: options.decoder === undefined ? (decoderOf(preTokenizer) ?? decoder ?? null) : options.decoder,
  });
}
