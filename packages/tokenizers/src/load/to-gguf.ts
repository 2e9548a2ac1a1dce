import { isRecord } from '../config';
import { TokenizerError } from '../errors';
import { Bpe } from '../models/bpe';
import { SentencePieceBpe } from '../models/sentence-piece-bpe';
import { Unigram } from '../models/unigram';
import { WordPiece } from '../models/word-piece';
import { byteAlphabet } from '../text/byte-alphabet';
import type { Tokenizer } from '../tokenizer';
import { scoresOfMerges } from './merge-scores';
import { keys } from './gguf-metadata';
import { preTokenizerName } from './gguf-pre';
import { pieceType } from './sentencepiece-model';
import { type SpaceRules, spaceRules } from './space-rules';

/** Settings of `tokenizerToGguf`: tokens of the vocabulary by what they are for. */
export interface ToGgufOptions {
  /** Default: what the post-processor puts before a text. */
  readonly bosToken?: string;
  /** Default: what the post-processor puts behind a text. */
  readonly eosToken?: string;
  /** Default: the model's; none for byte-level BPE. */
  readonly unkToken?: string;
  /** Default none. */
  readonly padToken?: string;
}

/**
 * Plain values for GGUF metadata. Numbers are unsigned 32-bit, `Float32Array`, `Int32Array` and `Uint8Array` are arrays
 * of these types, lists are arrays of strings.
 */
export type GgufTokenizerMetadata = Readonly<
  Record<string, string | number | boolean | readonly string[] | Float32Array | Int32Array | Uint8Array>
>;

type Values = Record<string, GgufTokenizerMetadata[string]>;

function unsupported(what: string): TokenizerError {
  return new TokenizerError('unsupported', `[gguf] ${what}; GGUF has no form for it`);
}

const byteToken = /^<0x[0-9A-F]{2}>$/;

/** Texts and types of all ids; ids without a token become unused ones. */
function tokenLists(
  tokenizer: Tokenizer,
  unkId: number | null,
  bytes: boolean,
): { texts: string[]; types: Int32Array } {
  const texts: string[] = [];
  const types = new Int32Array(tokenizer.vocabSize).fill(pieceType.normal);
  const added = new Map((tokenizer.parts.addedTokens ?? []).map((token) => [token.id, token]));
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const token = added.get(id)?.content ?? tokenizer.idToToken(id);
    const special = added.get(id)?.special;
    texts.push(token ?? `[PAD${id}]`);
    if (token === undefined) types[id] = pieceType.unused;
    else if (id === unkId) types[id] = pieceType.unknown;
    else if (special !== undefined || added.has(id)) types[id] = special ? pieceType.control : pieceType.userDefined;
    else if (bytes && byteToken.test(token)) types[id] = pieceType.byte;
  }
  return { texts, types };
}

function gpt2(tokenizer: Tokenizer, model: Bpe): Values {
  const { normalizer, preTokenizer } = tokenizer.parts;
  const before: unknown = normalizer?.toJSON().type ?? null;
  const name =
    before === null || before === 'NFC'
      ? preTokenizerName(preTokenizer?.toJSON() ?? null, model.ignoreMerges, before)
      : null;
  if (name === null) throw unsupported('this normalizer and pre-tokenizer have no name among those of llama.cpp');
  const { texts, types } = tokenLists(tokenizer, null, false);
  return {
    [keys.model]: 'gpt2',
    [keys.pre]: name,
    [keys.tokens]: texts,
    [keys.types]: types,
    [keys.merges]: model.merges.map(([left, right]) => `${left} ${right}`),
  };
}

function spaceValues({ addDummyPrefix, removeExtraWhitespaces }: SpaceRules): Values {
  return { [keys.addSpacePrefix]: addDummyPrefix, [keys.removeExtraWhitespaces]: removeExtraWhitespaces };
}

function llama(tokenizer: Tokenizer, model: Bpe | SentencePieceBpe): Values {
  const rules = spaceRules(tokenizer.parts);
  if (rules === null || rules.charactersMap !== null)
    throw unsupported('SentencePiece BPE knows no other normalizer than its rules for spaces');
  const unkId = model instanceof Bpe ? model.vocab.get(model.options.unkToken ?? '') : model.options.unkId;
  if (unkId === undefined) throw unsupported('SentencePiece BPE needs an unknown token');
  const { texts, types } = tokenLists(tokenizer, unkId, true);
  const made =
    model instanceof SentencePieceBpe
      ? new Map(model.options.pieces.map(([piece, score]) => [piece, score]))
      : scoresOfMerges(model.merges, new Set(texts.filter((_, id) => types[id] === pieceType.normal)));
  if (made === null) throw unsupported('the merges do not follow from scores of the tokens');
  return {
    [keys.model]: 'llama',
    [keys.pre]: 'default',
    [keys.tokens]: texts,
    [keys.types]: types,
    [keys.scores]: Float32Array.from(texts, (text) => made.get(text) ?? 0),
    [keys.unk]: unkId,
    ...spaceValues(rules),
  };
}

function t5(tokenizer: Tokenizer, model: Unigram): Values {
  const rules = spaceRules(tokenizer.parts);
  const { pieces, unkId, byteFallback } = model.options;
  if (rules === null)
    throw unsupported('Unigram knows no other normalizer than a map of characters and rules for spaces');
  if (byteFallback) throw unsupported('Unigram knows no byte fallback');
  if (unkId == null) throw unsupported('Unigram needs an unknown token');
  const { texts, types } = tokenLists(tokenizer, unkId, false);
  const { sentencePiece: own } = model.options;
  for (const id of own?.unmatched ?? []) if (types[id] === pieceType.normal) types[id] = pieceType.unused;
  for (const id of own?.userDefined ?? []) types[id] = pieceType.userDefined;
  return {
    [keys.model]: 't5',
    [keys.pre]: 'default',
    [keys.tokens]: texts,
    [keys.types]: types,
    [keys.scores]: Float32Array.from(texts, (_, id) => pieces[id]?.[1] ?? 0),
    [keys.unk]: unkId,
    ...(rules.charactersMap !== null && { [keys.charactersMap]: rules.charactersMap }),
    ...spaceValues(rules),
  };
}

function bert(tokenizer: Tokenizer, model: WordPiece): Values {
  const { normalizer, preTokenizer } = tokenizer.parts;
  const json = normalizer?.toJSON();
  const prefix: unknown = model.toJSON().continuing_subword_prefix;
  const usual =
    json?.type === 'BertNormalizer' &&
    json.clean_text === true &&
    json.handle_chinese_chars === true &&
    prefix === '##';
  if (!usual || preTokenizer?.toJSON().type !== 'BertPreTokenizer')
    throw unsupported('WordPiece is only known with the normalizer and the pre-tokenizer of BERT');
  const unkId = tokenizer.tokenToId(String(model.toJSON().unk_token));
  if (unkId === undefined) throw unsupported('WordPiece needs an unknown token');
  const { texts, types } = tokenLists(tokenizer, unkId, false);
  const lowercase = json.lowercase === true;
  return {
    [keys.model]: 'bert',
    [keys.pre]: 'default',
    [keys.tokens]: texts.map((text, id) => {
      if (types[id] !== pieceType.normal) return text;
      return text.startsWith('##') ? text.slice(2) : `▁${text}`;
    }),
    [keys.types]: types,
    [keys.unk]: unkId,
    [keys.lowercase]: lowercase,
    [keys.stripAccents]: (json.strip_accents ?? lowercase) === true,
  };
}

/** The token between a pair whose second text has nothing of its own before it, as in RoBERTa's `<s> A </s></s> B </s>`. */
function separatorOf(tokenizer: Tokenizer, before: readonly number[], behind: readonly number[]): number | undefined {
  const { ids } = tokenizer.encode('', { pair: '', truncation: null, padding: null });
  const [first, ...rest] = ids.slice(before.length + behind.length);
  return rest.length === behind.length && first !== before[0] ? first : undefined;
}

/** What is put around a text, and the tokens that the caller names. */
function specialValues(tokenizer: Tokenizer, model: string, options: ToGgufOptions): Values {
  const id = (token: string, name: string): number => {
    const found = tokenizer.tokenToId(token);
    if (found === undefined)
      throw new TokenizerError(
        'invalid_argument',
        `[gguf] ${name}: expected a token of the vocabulary, got ${JSON.stringify(token)}`,
      );
    return found;
  };
  const [before = [], behind, ...more] = tokenizer.tokensAround(true);
  if (behind === undefined || more.length > 0) throw unsupported('a template that has its text twice or not at all');
  if (before.length > 1 || behind.length > 1) throw unsupported('more than one token before or behind a text');
  const [bos] = options.bosToken === undefined ? before : [id(options.bosToken, 'bosToken')];
  const [eos] = options.eosToken === undefined ? behind : [id(options.eosToken, 'eosToken')];
  const after = model === 'bert' ? keys.addSep : keys.addEos;
  const separator = model === 'bert' ? behind[0] : separatorOf(tokenizer, before, behind);
  return {
    [keys.addBos]: before.length > 0,
    [after]: behind.length > 0,
    ...(model !== 'bert' && { [keys.addSep]: separator !== undefined }),
    ...(before[0] !== undefined && before[0] !== bos
      ? { [keys.cls]: before[0] }
      : bos !== undefined && { [keys.bos]: bos }),
    ...(eos !== undefined && { [keys.eos]: eos }),
    ...(separator !== undefined && { [keys.sep]: separator }),
    ...(options.unkToken !== undefined && { [keys.unk]: id(options.unkToken, 'unkToken') }),
    ...(options.padToken !== undefined && { [keys.pad]: id(options.padToken, 'padToken') }),
  };
}

/**
 * The tokenizer as GGUF metadata, which `tokenizerFromGguf` and llama.cpp read. The format keeps vocabulary, merges or
 * scores, kinds of tokens, rules for spaces and what is put around a text; it has no place for the flags of added
 * tokens, truncation, padding and decoders.
 *
 * @throws TokenizerError `unsupported` for what has no form in GGUF, such as an unknown pre-tokenizer;
 * `invalid_argument` for a named token that the vocabulary lacks.
 *
 * @example
 * ```ts
 * import { tokenizerFromGguf, tokenizerToGguf, trainBpe } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainBpe(['low lower'], { vocabSize: 260, specialTokens: ['<|end|>'] });
 * const metadata = tokenizerToGguf(tokenizer, { eosToken: '<|end|>' });
 * console.log(metadata['tokenizer.ggml.model'], metadata['tokenizer.ggml.eos_token_id']); // 'gpt2' 0
 * console.log(tokenizerFromGguf(metadata).decode(tokenizer.encodeIds('lower'))); // 'lower'
 * ```
 */
export function tokenizerToGguf(tokenizer: Tokenizer, options: ToGgufOptions = {}): GgufTokenizerMetadata {
  const { model } = tokenizer.parts;
  let values: Values;
  if (model instanceof Bpe) {
    const byteLevel = byteAlphabet.every((char) => model.vocab.has(char)) && usesBytes(tokenizer);
    values = byteLevel ? gpt2(tokenizer, model) : llama(tokenizer, model);
  } else if (model instanceof SentencePieceBpe) values = llama(tokenizer, model);
  else if (model instanceof Unigram) values = t5(tokenizer, model);
  else if (model instanceof WordPiece) values = bert(tokenizer, model);
  else throw unsupported(`the model ${model.type}`);
  return { ...values, ...specialValues(tokenizer, String(values[keys.model]), options) };
}

/** True if the last pre-tokenizer writes bytes. */
function usesBytes(tokenizer: Tokenizer): boolean {
  const json = tokenizer.parts.preTokenizer?.toJSON();
  const steps: unknown = json?.type === 'Sequence' ? json.pretokenizers : [json];
  const last: unknown = Array.isArray(steps) ? steps[steps.length - 1] : null;
  return isRecord(last) && last.type === 'ByteLevel';
}
