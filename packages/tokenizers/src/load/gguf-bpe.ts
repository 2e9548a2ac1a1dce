import { byteLevelDecoder } from '../decoders/bytes';
import { createDecoder } from '../decoders/create';
import { TokenizerError } from '../errors';
import { Bpe } from '../models/bpe';
import type { Pieces } from '../models/model';
import { createNormalizer } from '../normalizers/create';
import type { Normalizer } from '../normalizers/normalizer';
import type { TokenizerParts } from '../options';
import { createPreTokenizer } from '../pre-tokenizers/create';
import { withMarkers, withStrips } from './gguf-flags';
import { type MetadataReader, keys, malformedMetadata } from './gguf-metadata';
import { type NamedPreTokenizer, namedPreTokenizers } from './gguf-pre';
import { type Tokens, addedTokens, around, postProcessorOf, withSpecial } from './gguf-tokens';

function readMerges(meta: MetadataReader, { vocab }: Tokens): (readonly [string, string])[] {
  const given = meta.strings(keys.merges);
  if (given === null) throw malformedMetadata(keys.merges, 'a list of merges', null);
  return given.map((merge, i) => {
    const at = merge.indexOf(' ', 1);
    const [left, right] = [merge.slice(0, at), merge.slice(at + 1)];
    const absent = [left, right, left + right].find((token) => !vocab.has(token));
    if (at < 0 || right === '') throw malformedMetadata(`${keys.merges}[${i}]`, 'two tokens', merge);
    if (absent !== undefined)
      throw malformedMetadata(
        `${keys.merges}[${i}]`,
        'tokens of the vocabulary',
        merge,
        `, where ${JSON.stringify(absent)} is absent`,
      );
    return [left, right] as const;
  });
}

const newlines = /^\n\n+$/;

/** Gemma 4's model of files whose merges lack some of newlines: a run of them that is a token is taken whole. */
class NewlineBpe extends Bpe {
  override tokenize(word: string): Pieces {
    const id = newlines.test(word) ? this.vocab.get(word) : undefined;
    if (id === undefined) return super.tokenize(word);
    return { ids: [id], tokens: [word], starts: [0], ends: [word.length] };
  }

  override toJSON(): never {
    throw new TokenizerError(
      'unsupported',
      '[toJSON] expected merges for all tokens of newlines, got a file without some; tokenizer.json takes no token whole that has none',
    );
  }
}

function normalizerOf(meta: MetadataReader, pre: string, { raw, normalizer }: NamedPreTokenizer): Normalizer | null {
  if (pre === 'whitespace') return meta.boolean(keys.lowercase, false) ? createNormalizer({ type: 'Lowercase' }) : null;
  if (raw) return createNormalizer({ type: 'Replace', pattern: { String: ' ' }, content: '▁' });
  return normalizer ? createNormalizer({ type: normalizer }) : null;
}

/** Byte-level BPE, and the BPE over raw text that newer files have. */
export function readBpe(meta: MetadataReader, given: Tokens, pre: string): TokenizerParts {
  const named = Object.hasOwn(namedPreTokenizers, pre) ? namedPreTokenizers[pre] : undefined;
  if (named === undefined) {
    throw new TokenizerError(
      'unsupported',
      `[gguf] ${keys.pre}: expected one of ${Object.keys(namedPreTokenizers).join(', ')}, got ${JSON.stringify(pre)}`,
    );
  }
  const merges = readMerges(meta, given);
  const isMerged = (text: string) => merges.some(([left, right]) => left + right === text);
  const tokens = withMarkers(given, isMerged);
  const { steps, raw = false, ignoreMerges = false, wholeNewlines = false } = named;
  const unkId = meta.id(keys.unk, tokens.texts.length);
  const parts = around(meta, tokens, named);
  const takesWhole = wholeNewlines && [...tokens.vocab.keys()].some((text) => newlines.test(text) && !isMerged(text));
  const options = {
    vocab: tokens.vocab,
    merges,
    ignoreMerges,
    ...(raw && {
      unkToken: unkId === null ? null : (tokens.texts[unkId] as string),
      byteFallback: true,
      fuseUnk: true,
    }),
  };
  return {
    addedTokens: withStrips(withSpecial(addedTokens(tokens), parts.ids, tokens), meta, pre),
    normalizer: normalizerOf(meta, pre, named),
    preTokenizer: createPreTokenizer(steps.length === 1 ? steps[0] : { type: 'Sequence', pretokenizers: steps }),
    model: takesWhole ? new NewlineBpe(options) : new Bpe(options),
    postProcessor: postProcessorOf(parts),
    decoder: raw
      ? createDecoder({
          type: 'Sequence',
          decoders: [
            ...(pre === 'whitespace' ? [] : [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }]),
            { type: 'ByteFallback' },
            { type: 'Fuse' },
          ],
        })
      : byteLevelDecoder(),
  };
}
