import { createDecoder } from '../decoders/create';
import { sentencePieceDecoder } from '../decoders/sentence-piece';
import { TokenizerError } from '../errors';
import { bytePiece } from '../models/byte-pieces';
import { SentencePieceBpe } from '../models/sentence-piece-bpe';
import { Unigram } from '../models/unigram';
import { WordPiece } from '../models/word-piece';
import { bertNormalizer } from '../normalizers/bert';
import { SentencePieceNormalizer } from '../normalizers/sentence-piece';
import { createPostProcessor } from '../post-processors/create';
import { createPreTokenizer } from '../pre-tokenizers/create';
import type { TokenizerParts } from '../options';
import { unitsAt } from '../text/unicode';
import { Tokenizer } from '../tokenizer';
import { readBpe } from './gguf-bpe';
import { withMarkers, withStrips } from './gguf-flags';
import { type GgufMetadata, MetadataReader, keys, malformedMetadata } from './gguf-metadata';
import {
  type Tokens,
  addedTokens,
  around,
  idsOf,
  neverSet,
  postProcessorOf,
  readTokens,
  withSpecial,
} from './gguf-tokens';
import { pieceType } from './sentencepiece-model';

/** Whether two tokens, or a token and a character, make a text. */
function isJoined(text: string, vocab: ReadonlyMap<string, number>): boolean {
  const isSymbol = (part: string) => vocab.has(part) || unitsAt(part, 0) === part.length;
  for (let at = unitsAt(text, 0); at < text.length; at += unitsAt(text, at))
    if (isSymbol(text.slice(0, at)) && isSymbol(text.slice(at))) return true;
  return false;
}

/** SentencePiece's BPE: scores take the place of merges. */
function readLlama(meta: MetadataReader, given: Tokens): TokenizerParts {
  const tokens = withMarkers(given, (text) => isJoined(text, given.vocab));
  const { texts, scores, vocab } = tokens;
  const unkId = meta.id(keys.unk, texts.length, 0);
  if (unkId === null) throw malformedMetadata(keys.unk, 'an id', null);
  const parts = around(meta, tokens, { bos: 1, eos: 2, addBos: true });
  const addDummyPrefix = meta.boolean(keys.addSpacePrefix, true);
  const removeExtraWhitespaces = meta.boolean(keys.removeExtraWhitespaces, false);
  const { control, unknown, byte } = pieceType;
  return {
    addedTokens: withStrips(withSpecial(addedTokens(tokens), parts.ids, tokens), meta, ''),
    normalizer: new SentencePieceNormalizer({ addDummyPrefix, removeExtraWhitespaces }),
    model: new SentencePieceBpe({
      pieces: texts.map((text, id) => [text, scores[id] as number]),
      unkId,
      // Files without types have the byte tokens all the same.
      byteFallback: idsOf(tokens, byte).size > 0 || vocab.has(bytePiece(0)),
      // User-defined tokens are found before, but those that are spelled with marks (`▁▁`) only here.
      unmatched: idsOf(tokens, control, unknown, byte),
      unused: new Set(),
      userDefined: new Set(),
    }),
    postProcessor: postProcessorOf(parts),
    decoder: sentencePieceDecoder({
      unkPiece: texts[unkId] as string,
      unkSurface: texts[unkId] as string,
      bytes: true,
      addDummyPrefix,
      removeExtraWhitespaces,
    }),
  };
}

function readT5(meta: MetadataReader, given: Tokens): TokenizerParts {
  const tokens = withMarkers(given, () => true);
  const { texts, scores, types } = tokens;
  const unkId = meta.id(keys.unk, texts.length, 2);
  if (unkId === null) throw malformedMetadata(keys.unk, 'an id', null);
  const parts = around(meta, tokens, { eos: 1, addEos: true });
  const addDummyPrefix = meta.boolean(keys.addSpacePrefix, false);
  const removeExtraWhitespaces = meta.boolean(keys.removeExtraWhitespaces, false);
  const { control, unknown, byte, userDefined, unused, normal } = pieceType;
  // What unknown characters cost goes by the least normal piece: converters fill up vocabularies with unused ones that
  // score -10000, which no text becomes.
  const least = types.reduce(
    (x, type, id) => (type === normal ? Math.min(x, scores[id] as number) : x),
    Number.POSITIVE_INFINITY,
  );
  const unmatched = idsOf(tokens, control, unknown, byte, neverSet);
  for (const id of idsOf(tokens, unused)) if ((scores[id] as number) < least) unmatched.add(id);
  return {
    addedTokens: withStrips(withSpecial(addedTokens(tokens), parts.ids, tokens), meta, ''),
    normalizer: new SentencePieceNormalizer({
      charactersMap: Uint8Array.from(meta.numbers(keys.charactersMap) ?? []),
      addDummyPrefix,
      removeExtraWhitespaces,
    }),
    model: new Unigram({
      pieces: texts.map((text, id) => [text, scores[id] as number]),
      unkId,
      byteFallback: false,
      sentencePiece: {
        unmatched,
        userDefined: idsOf(tokens, userDefined),
        userDefinedScore: 'zero',
        singlePrecision: false,
      },
    }),
    postProcessor: postProcessorOf(parts),
    decoder: sentencePieceDecoder({
      unkPiece: texts[unkId] as string,
      unkSurface: texts[unkId] as string,
      bytes: false,
      addDummyPrefix,
      removeExtraWhitespaces,
    }),
  };
}

/** WordPiece: files write `▁` before the first piece of a word and nothing before the others. */
function readBert(meta: MetadataReader, given: Tokens): TokenizerParts {
  const tokens = withMarkers(given, () => true);
  const { control, unknown, normal } = pieceType;
  const texts = tokens.texts.map((text, id) => {
    const type = given.types[id];
    if (type === control || type === unknown) return text;
    // llama.cpp's converter writes it before user-defined and unused tokens too; other writers do not.
    if (text.startsWith('▁')) return text.slice(1);
    return type === normal ? `##${text}` : text;
  });
  const parts = around(meta, { ...tokens, texts }, { bos: 101, sep: 102, addBos: true });
  const { before, after, ids } = parts;
  const [cls, sep] = [before[0], after[0]];
  const unkId = meta.id(keys.unk, texts.length, 100);
  if (unkId === null) throw malformedMetadata(keys.unk, 'an id', null);
  const lowercase = meta.boolean(keys.lowercase, true);
  const vocab = new Map<string, number>();
  texts.forEach((text, id) => {
    const other = vocab.get(text);
    if (other !== undefined) throw malformedMetadata(`${keys.tokens}[${id}]`, `another token than [${other}]`, text);
    vocab.set(text, id);
  });
  return {
    addedTokens: withSpecial(addedTokens({ ...tokens, texts }), ids, { ...tokens, texts }),
    normalizer: bertNormalizer({ lowercase, stripAccents: meta.boolean(keys.stripAccents, lowercase) }),
    preTokenizer: createPreTokenizer({ type: 'BertPreTokenizer' }),
    model: new WordPiece({ vocab, unkToken: texts[unkId] as string }),
    postProcessor:
      cls && sep && before.length + after.length === 2
        ? createPostProcessor({ type: 'BertProcessing', cls: [cls.token, cls.id], sep: [sep.token, sep.id] })
        : postProcessorOf(parts),
    decoder: createDecoder({ type: 'WordPiece', prefix: '##', cleanup: true }),
  };
}

/**
 * The tokenizer that the metadata of a GGUF file describes: `tokenizer.ggml.model` `gpt2` (byte-level BPE with one of
 * llama.cpp's named pre-tokenizers), `llama` (SentencePiece's BPE), `t5` (Unigram), `bert` (WordPiece), `gemma4` or
 * `whitespace` (BPE of words between spaces).
 *
 * @param metadata Plain values by key; of those that do not begin with `tokenizer.`, only `general.name` and
 * `general.architecture` count: llama.cpp tells by them which added tokens take the spaces around them.
 * @throws TokenizerError `unsupported` for another model or pre-tokenizer, `invalid_file` naming the key.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * @example
 * ```ts
 * import { byteAlphabet, tokenizerFromGguf } from '@tessera-llm/tokenizers';
 * const tokenizer = tokenizerFromGguf({
 *   'tokenizer.ggml.model': 'gpt2',
 *   'tokenizer.ggml.pre': 'gpt-2',
 *   'tokenizer.ggml.tokens': [...byteAlphabet, 'lo', 'low'],
 *   'tokenizer.ggml.merges': ['l o', 'lo w'],
 * });
 * console.log(tokenizer.encode('low').ids); // [257]
 * ```
 */
export function tokenizerFromGguf(metadata: GgufMetadata): Tokenizer {
  const meta = new MetadataReader(metadata);
  const model = meta.string(keys.model);
  const read: Readonly<Record<string, (tokens: Tokens) => TokenizerParts>> = {
    gpt2: (tokens) => readBpe(meta, tokens, meta.string(keys.pre) || 'default'),
    gemma4: (tokens) => readBpe(meta, tokens, 'gemma4'),
    whitespace: (tokens) => readBpe(meta, tokens, 'whitespace'),
    llama: (tokens) => readLlama(meta, tokens),
    t5: (tokens) => readT5(meta, tokens),
    bert: (tokens) => readBert(meta, tokens),
  };
  const found = model !== null && Object.hasOwn(read, model) ? read[model] : undefined;
  if (found === undefined) {
    throw new TokenizerError(
      'unsupported',
      `[gguf] ${keys.model}: expected one of ${Object.keys(read).join(', ')}, got ${JSON.stringify(model)}`,
    );
  }
  return new Tokenizer(found(readTokens(meta)));
}
