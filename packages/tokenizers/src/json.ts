import { Reader, isRecord } from './config';
import { createDecoder } from './decoders/create';
import type { AddedToken } from './encode/added-tokens';
import { addedTokenToJson, assignedId, readAddedTokens } from './encode/added-tokens-json';
import { TokenizerError } from './errors';
import { paddingToJson, readPadding } from './encode/padding';
import { readTruncation, truncationToJson } from './encode/truncation';
import { createModel } from './models/create';
import type { Model } from './models/model';
import { createNormalizer } from './normalizers/create';
import { createPostProcessor } from './post-processors/create';
import { createPreTokenizer } from './pre-tokenizers/create';
import type { TokenizerParts } from './options';

/** Parts of a tokenizer from the content of a tokenizer.json. */
export function readTokenizer(json: unknown): TokenizerParts {
  const top = Reader.of(json, '');
  const part = <T>(key: string, create: (config: unknown, place: string) => T): T | null => {
    const config = top.get(key) ?? null;
    return config === null ? null : create(config, key);
  };
  const model = createModel(top.get('model'), 'model');
  return {
    truncation: readTruncation(top.get('truncation')),
    padding: readPadding(top.get('padding')),
    addedTokens: readAddedTokens(top.get('added_tokens'), model.vocab, model.size),
    normalizer: part('normalizer', createNormalizer),
    preTokenizer: part('pre_tokenizer', createPreTokenizer),
    postProcessor: part('post_processor', createPostProcessor),
    decoder: part('decoder', createDecoder),
    model,
  };
}

/**
 * Hugging Face's library gives an added token that the model lacks the next free id, whatever the file says. Where that
 * is another one, the vocabulary of the model takes the tokens in.
 *
 * @throws TokenizerError `unsupported` where the model's vocabulary is a list, which has no room for ids of one's own.
 */
function keepIds(model: Model, added: readonly AddedToken[]): Record<string, unknown> {
  const json = model.toJSON();
  const { vocab, size = vocab.size } = model;
  let largest = -1;
  const changed = added.find(({ id, content }) => {
    const given = assignedId(vocab.get(content), size, largest);
    largest = Math.max(largest, given);
    return given !== id;
  });
  if (changed === undefined) return json;
  if (!isRecord(json.vocab)) {
    throw new TokenizerError(
      'unsupported',
      `[toJSON] expected added tokens with the ids behind the model's ${size}, one after another, got ${changed.id} for ` +
        `'${changed.content}'; Hugging Face's library would give it another, and a vocabulary of type ${String(json.type)} can't say it`,
    );
  }
  const ids = new Map<string, unknown>([
    ...Object.entries(json.vocab),
    ...added.map((t) => [t.content, t.id] as const),
  ]);
  return { ...json, vocab: Object.fromEntries([...ids].sort((a, b) => Number(a[1]) - Number(b[1]))) };
}

/** The content of a tokenizer.json that describes these parts. */
export function tokenizerToJson(parts: TokenizerParts): Record<string, unknown> {
  const added = [...(parts.addedTokens ?? [])].sort((a, b) => a.id - b.id);
  return {
    version: '1.0',
    truncation: truncationToJson(parts.truncation ?? null),
    padding: paddingToJson(parts.padding ?? null),
    added_tokens: added.map(addedTokenToJson),
    normalizer: parts.normalizer?.toJSON() ?? null,
    pre_tokenizer: parts.preTokenizer?.toJSON() ?? null,
    post_processor: parts.postProcessor?.toJSON() ?? null,
    decoder: parts.decoder?.toJSON() ?? null,
    model: keepIds(parts.model, added),
  };
}
