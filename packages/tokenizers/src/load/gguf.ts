import { byteLevelDecoder } from '../decoders/bytes';
import { createDecoder } from '../decoders/create';
import { sentencePieceDecoder } from '../decoders/sentence-piece';
import { TokenizerError } from '../errors';
import { Bpe } from '../models/bpe';
import { SentencePieceBpe } from '../models/sentence-piece-bpe';
import { Unigram } from '../models/unigram';
import { WordPiece } from '../models/word-piece';
import { bertNormalizer } from '../normalizers/bert';
import { createNormalizer } from '../normalizers/create';
import { SentencePieceNormalizer } from '../normalizers/sentence-piece';
import { createPostProcessor } from '../post-processors/create';
import { createPreTokenizer } from '../pre-tokenizers/create';
import type { TokenizerParts } from '../options';
import { Tokenizer } from '../tokenizer';
import { type GgufMetadata, MetadataReader, keys, malformedMetadata } from './gguf-metadata';
import { namedPreTokenizers } from './gguf-pre';
import { type Tokens, addedTokens, around, idsOf, postProcessorOf, readTokens, withSpecial } from './gguf-tokens';
import { pieceType } from './sentencepiece-model';

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

const spacesToMarks = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };

/** Byte-level BPE, and the BPE over raw text that newer files have. */
function readGpt2(meta: MetadataReader, tokens: Tokens, pre: string): TokenizerParts {
  const named = Object.hasOwn(namedPreTokenizers, pre) ? namedPreTokenizers[pre] : undefined;
  if (named === undefined) {
    throw new TokenizerError(
      'unsupported',
      `[gguf] ${keys.pre}: expected one of ${Object.keys(namedPreTokenizers).join(', ')}, got ${JSON.stringify(pre)}`,
    );
  }
  const { steps, raw = false, ignoreMerges = false, normalizer } = named;
  const unkId = meta.id(keys.unk, tokens.texts.length);
  const { before, after, ids } = around(meta, tokens, named);
  const spaced = raw && pre !== 'whitespace';
  return {
    addedTokens: withSpecial(addedTokens(tokens), ids, tokens),
    normalizer: spaced ? createNormalizer(spacesToMarks) : normalizer ? createNormalizer({ type: normalizer }) : null,
    preTokenizer: createPreTokenizer(steps.length === 1 ? steps[0] : { type: 'Sequence', pretokenizers: steps }),
    model: new Bpe({
      vocab: tokens.vocab,
      merges: readMerges(meta, tokens),
      ignoreMerges,
      ...(raw && {
        unkToken: unkId === null ? null : (tokens.texts[unkId] as string),
        byteFallback: true,
        fuseUnk: true,
      }),
    }),
    postProcessor: postProcessorOf(before, after),
    decoder: raw
      ? createDecoder({
          type: 'Sequence',
          decoders: [
            { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
            { type: 'ByteFallback' },
            { type: 'Fuse' },
          ],
        })
      : byteLevelDecoder(),
  };
}

/** SentencePiece's BPE: scores take the place of merges. */
function readLlama(meta: MetadataReader, tokens: Tokens): TokenizerParts {
  const { texts, scores } = tokens;
  const unkId = meta.id(keys.unk, texts.length, 0);
  if (unkId === null) throw malformedMetadata(keys.unk, 'an id', null);
  const { before, after, ids } = around(meta, tokens, { bos: 1, eos: 2, addBos: true });
  const addDummyPrefix = meta.boolean(keys.addSpacePrefix, true);
  const removeExtraWhitespaces = meta.boolean(keys.removeExtraWhitespaces, false);
  const { control, unknown, byte, userDefined } = pieceType;
  return {
    addedTokens: withSpecial(addedTokens(tokens), ids, tokens),
    normalizer: new SentencePieceNormalizer({ addDummyPrefix, removeExtraWhitespaces }),
    model: new SentencePieceBpe({
      pieces: texts.map((text, id) => [text, scores[id] as number]),
      unkId,
      byteFallback: idsOf(tokens, byte).size > 0,
      // User-defined tokens are found before: what is left of the text never becomes one.
      unmatched: idsOf(tokens, control, unknown, byte, userDefined),
      unused: new Set(),
      userDefined: new Set(),
    }),
    postProcessor: postProcessorOf(before, after),
    decoder: sentencePieceDecoder({
      unkPiece: texts[unkId] as string,
      unkSurface: texts[unkId] as string,
      bytes: true,
      addDummyPrefix,
      removeExtraWhitespaces,
    }),
  };
}

function readT5(meta: MetadataReader, tokens: Tokens): TokenizerParts {
  const { texts, scores } = tokens;
  const unkId = meta.id(keys.unk, texts.length, 2);
  if (unkId === null) throw malformedMetadata(keys.unk, 'an id', null);
  const { before, after, ids } = around(meta, tokens, { eos: 1, addEos: true });
  const addDummyPrefix = meta.boolean(keys.addSpacePrefix, false);
  const removeExtraWhitespaces = meta.boolean(keys.removeExtraWhitespaces, false);
  const { control, unknown, byte, userDefined } = pieceType;
  return {
    addedTokens: withSpecial(addedTokens(tokens), ids, tokens),
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
        unmatched: idsOf(tokens, control, unknown, byte),
        userDefined: idsOf(tokens, userDefined),
        userDefinedScore: 'zero',
        singlePrecision: false,
      },
    }),
    postProcessor: postProcessorOf(before, after),
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
function readBert(meta: MetadataReader, tokens: Tokens): TokenizerParts {
  const texts = tokens.texts.map((text, id) => {
    if (tokens.types[id] !== pieceType.normal) return text;
    return text.startsWith('▁') ? text.slice(1) : `##${text}`;
  });
  const { before, after, ids } = around(meta, { ...tokens, texts }, { bos: 101, sep: 102, addBos: true, addSep: true });
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
        : postProcessorOf(before, after),
    decoder: createDecoder({ type: 'WordPiece', prefix: '##', cleanup: true }),
  };
}

/**
 * The tokenizer that the metadata of a GGUF file describes: `tokenizer.ggml.model` `gpt2` (byte-level BPE with one of
 * llama.cpp's named pre-tokenizers), `llama` (SentencePiece's BPE), `t5` (Unigram), `bert` (WordPiece) or `gemma4`.
 *
 * @param metadata Plain values by key; every key that does not begin with `tokenizer.` is ignored.
 * @throws TokenizerError `unsupported` for another model or pre-tokenizer, `invalid_file` naming the key.
 */
export function tokenizerFromGguf(metadata: GgufMetadata): Tokenizer {
  const meta = new MetadataReader(metadata);
  const model = meta.string(keys.model);
  const read: Readonly<Record<string, (tokens: Tokens) => TokenizerParts>> = {
    gpt2: (tokens) => readGpt2(meta, tokens, meta.string(keys.pre) ?? 'default'),
    gemma4: (tokens) => readGpt2(meta, tokens, 'gemma4'),
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
