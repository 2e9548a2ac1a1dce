import { Reader, isRecord } from './config';
import { createDecoder } from './decoders/create';
import { type AddedToken, addedTokenToJson, assignedId, readAddedTokens } from './encode/added-tokens';
import { paddingToJson, readPadding } from './encode/padding';
import { readTruncation, truncationToJson } from './encode/truncation';
import { createModel } from './models/create';
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
 */
function keepIds(model: Record<string, unknown>, added: readonly AddedToken[]): Record<string, unknown> {
  const { vocab } = model;
  if (!isRecord(vocab)) return model;
  const size = Object.keys(vocab).length;
  let largest = -1;
  const kept = added.every(({ id, content }) => {
    const own = Object.hasOwn(vocab, content) ? Number(vocab[content]) : undefined;
    const given = assignedId(own, size, largest);
    largest = Math.max(largest, given);
    return given === id;
  });
  if (kept) return model;
  const ids = new Map<string, unknown>([...Object.entries(vocab), ...added.map((t) => [t.content, t.id] as const)]);
  return { ...model, vocab: Object.fromEntries([...ids].sort((a, b) => Number(a[1]) - Number(b[1]))) };
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
    model: keepIds(parts.model.toJSON(), added),
  };
}
