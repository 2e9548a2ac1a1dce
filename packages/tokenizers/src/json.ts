import { Reader } from './config';
import { createDecoder } from './decoders/create';
import { addedTokenToJson, readAddedTokens } from './encode/added-tokens';
import { paddingToJson, readPadding } from './encode/padding';
import { readTruncation, truncationToJson } from './encode/truncation';
import { createModel } from './models/create';
import { createNormalizer } from './normalizers/create';
import { createPostProcessor } from './post-processors/create';
import { createPreTokenizer } from './pre-tokenizers/create';
import type { TokenizerParts } from './tokenizer';

/** Parts of a tokenizer from the content of a tokenizer.json. */
export function readTokenizer(json: unknown): TokenizerParts {
  const top = Reader.of(json, '');
  const part = <T>(key: string, create: (config: unknown, place: string) => T): T | null => {
    const config = top.get(key) ?? null;
    return config === null ? null : create(config, key);
  };
  return {
    truncation: readTruncation(top.get('truncation')),
    padding: readPadding(top.get('padding')),
    addedTokens: readAddedTokens(top.get('added_tokens')),
    normalizer: part('normalizer', createNormalizer),
    preTokenizer: part('pre_tokenizer', createPreTokenizer),
    postProcessor: part('post_processor', createPostProcessor),
    decoder: part('decoder', createDecoder),
    model: createModel(top.get('model'), 'model'),
  };
}

/** The content of a tokenizer.json that describes these parts. */
export function tokenizerToJson(parts: TokenizerParts): Record<string, unknown> {
  return {
    version: '1.0',
    truncation: truncationToJson(parts.truncation ?? null),
    padding: paddingToJson(parts.padding ?? null),
    added_tokens: [...(parts.addedTokens ?? [])].sort((a, b) => a.id - b.id).map(addedTokenToJson),
    normalizer: parts.normalizer?.toJSON() ?? null,
    pre_tokenizer: parts.preTokenizer?.toJSON() ?? null,
    post_processor: parts.postProcessor?.toJSON() ?? null,
    decoder: parts.decoder?.toJSON() ?? null,
    model: parts.model.toJSON(),
  };
}
