import { sentencePieceDecoder } from '../decoders/sentence-piece';
import type { AddedToken } from '../encode/added-tokens';
import type { Model } from '../models/model';
import { SentencePieceBpe } from '../models/sentence-piece-bpe';
import { SentencePieceUnits } from '../models/sentence-piece-units';
import { Unigram } from '../models/unigram';
import { SentencePieceNormalizer } from '../normalizers/sentence-piece';
import { template } from '../post-processors/template';
import type { PreTokenizer } from '../pre-tokenizers/pre-tokenizer';
import { Tokenizer } from '../tokenizer';
import { bytesOf, checkObject } from '../arguments';
import { type PieceType, type SentencePieceModel, pieceType, readSentencePieceModel } from './sentencepiece-model';

/** Settings of `tokenizerFromSentencePiece`. */
export interface SentencePieceOptions {
  /** Put the beginning-of-sequence piece, if there is one, before every text; default false, as in SentencePiece. */
  readonly addBos?: boolean;
  /** Put the end-of-sequence piece, if there is one, behind every text; default false. */
  readonly addEos?: boolean;
}

/** Ids of the pieces of some kinds. */
function idsOf(model: Pick<SentencePieceModel, 'pieces'>, ...types: readonly PieceType[]): Set<number> {
  const ids = new Set<number>();
  model.pieces.forEach(({ type }, id) => {
    if (types.includes(type)) ids.add(id);
  });
  return ids;
}

function textsOf(model: Pick<SentencePieceModel, 'pieces'>, type: PieceType): string[] {
  return model.pieces.filter((piece) => piece.type === type).map(({ piece }) => piece);
}

/** What cuts a text into words, or user-defined pieces out of characters, in a tokenizer.json; here the model does. */
function splitOf(model: SentencePieceModel): PreTokenizer | null {
  const as = (pattern: Record<string, string>, behavior: string): PreTokenizer => ({
    split: (text) => [text],
    toJSON: () => ({ type: 'Split', pattern, behavior, invert: false }),
  });
  if (model.type === 'word') return as({ String: '▁' }, 'MergedWithNext');
  const pieces = textsOf(model, pieceType.userDefined);
  if (model.type !== 'char' || pieces.length === 0) return null;
  const longestFirst = pieces.sort((a, b) => b.length - a.length);
  const quoted = longestFirst.map((piece) => piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return as({ Regex: quoted.join('|') }, 'Isolated');
}

function modelOf(model: SentencePieceModel): Model {
  const { unkId, byteFallback } = model;
  const pieces = model.pieces.map(({ piece, score }) => [piece, score] as const);
  const { unknown, control, byte, unused, userDefined } = pieceType;
  if (model.type === 'bpe') {
    return new SentencePieceBpe({
      pieces,
      unkId,
      byteFallback,
      unmatched: idsOf(model, unknown, control, byte),
      unused: idsOf(model, unused),
      userDefined: idsOf(model, userDefined),
    });
  }
  if (model.type !== 'unigram') {
    return new SentencePieceUnits({
      units: model.type === 'word' ? 'words' : 'characters',
      pieces: model.pieces.map(({ piece }) => piece),
      unkId,
      byteFallback,
      unmatched: idsOf(model, unknown, control, byte, unused),
      userDefined: textsOf(model, userDefined),
    });
  }
  return new Unigram({
    pieces,
    unkId,
    byteFallback,
    sentencePiece: {
      unmatched: idsOf(model, unknown, control, byte, unused),
      userDefined: idsOf(model, userDefined),
      userDefinedScore: 'length',
      singlePrecision: true,
    },
  });
}

/** The beginning or end of a sequence as a part of a template; nothing without such a piece. */
function sequencePart(tokens: readonly AddedToken[], id: number): { token: string; id: number }[] {
  const found = tokens.find((token) => token.id === id);
  return found === undefined ? [] : [{ token: found.content, id }];
}

/**
 * The tokenizer of a SentencePiece `.model` file (unigram, BPE, words or characters): ids, pieces and decoding as the
 * sentencepiece library has them. Control pieces become special tokens; the library never finds them in text, and neither
 * does `encode(text, { allowedSpecial: 'none' })`. `toJSON` gives the nearest tokenizer.json, which differs where Hugging
 * Face's components do: the map of characters goes by grapheme clusters there, and each unknown word of a word model is
 * a token of its own, where SentencePiece makes one of several side by side.
 *
 * @param file The bytes of the file.
 * @throws TokenizerError `invalid_file` naming the malformed field, `invalid_argument` for what is no bytes.
 * @see Kudo and Richardson 2018, "SentencePiece".
 *
 * @example
 * ```ts
 * import { tokenizerFromSentencePiece } from '@tessera-llm/tokenizers';
 * // A file is a protobuf message; usually it is read from disk. This one is written here, with three pieces.
 * const field = (number: number, bytes: ArrayLike<number>) => [8 * number + 2, bytes.length, ...Array.from(bytes)];
 * const piece = (text: string, score: number, type: number) => {
 *   const bits = new Uint8Array(Float32Array.of(score).buffer);
 *   return field(1, [...field(1, new TextEncoder().encode(text)), 0x15, ...bits, 0x18, type]);
 * };
 * const pieces = [...piece('<unk>', 0, 2), ...piece('▁low', -1, 1), ...piece('er', -2, 1)];
 * const tokenizer = tokenizerFromSentencePiece(Uint8Array.from([...pieces, ...field(2, [])]));
 * console.log(tokenizer.encode('low lower').tokens); // ['▁low', '▁low', 'er']
 * ```
 */
export function tokenizerFromSentencePiece(
  file: Uint8Array | ArrayBuffer,
  options: SentencePieceOptions = {},
): Tokenizer {
  checkObject('sentencepiece', 'options', 'an object', options);
  const model = readSentencePieceModel(bytesOf('sentencepiece', 'the bytes of a .model file', file));
  const { addBos = false, addEos = false } = options;
  const addedTokens = [...idsOf(model, pieceType.control)].map((id) => ({
    id,
    content: model.pieces[id]?.piece ?? '',
    special: true,
  }));
  const before = addBos ? sequencePart(addedTokens, model.bosId) : [];
  const after = addEos ? sequencePart(addedTokens, model.eosId) : [];
  const { addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces, treatWhitespaceAsSuffix, charactersMap } = model;
  return new Tokenizer({
    addedTokens,
    normalizer: new SentencePieceNormalizer({
      charactersMap,
      addDummyPrefix,
      removeExtraWhitespaces,
      escapeWhitespaces,
      treatWhitespaceAsSuffix,
      userDefined: textsOf(model, pieceType.userDefined),
    }),
    preTokenizer: splitOf(model),
    model: modelOf(model),
    postProcessor: before.length + after.length > 0 ? template({ before, after }) : null,
    decoder: sentencePieceDecoder({
      unkPiece: model.pieces[model.unkId]?.piece ?? '',
      unkSurface: model.unkSurface,
      bytes: model.pieces.some(({ type }) => type === pieceType.byte),
      addDummyPrefix,
      removeExtraWhitespaces,
      denormalizer: model.denormalizer === null ? null : new SentencePieceNormalizer(model.denormalizer),
    }),
  });
}
