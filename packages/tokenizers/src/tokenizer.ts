import { shown, wrongArgument } from './config';
import { DecodeStream, type DecodeOptions } from './decode-stream';
import { AddedTokens, type AddedToken, type AllowedSpecial } from './encode/added-tokens';
import { checkAddedTokens } from './encode/added-tokens-json';
import { checkAllowed, encodedRows, unchanging } from './encode/encoded-rows';
import { checkIds, ofBatch } from './encode/arguments';
import { Encoding } from './encode/encoding';
import { padRows } from './encode/padding';
import { type QuickPart, quickParts } from './encode/quick-parts';
import type { Rows } from './encode/rows';
import { TokenizerError } from './errors';
import type { ByteBpe } from './fast/byte-bpe';
import { fastEncoder } from './fast/create';
import { IdList } from './fast/id-list';
import { readTokenizer, tokenizerToJson } from './json';
import { checkObject } from './arguments';
import type { EncodeBatchOptions, EncodeIdsOptions, EncodeOptions, TextInput, TokenizerParts } from './options';
import { idsAround } from './post-processors/post-processor';
import { looksAtPlaces } from './pre-tokenizers/places';
import { AlignedText } from './text/aligned-text';
import { checkText } from './text/well-formed';

/**
 * A tokenizer as Hugging Face's tokenizer.json describes them: added tokens, normaliser, pre-tokenizer, model,
 * post-processor and decoder. Gives the same ids, tokens, offsets and texts as Hugging Face's library.
 *
 * @example
 * ```ts
 * import { Tokenizer, trainBpe } from '@tessera-llm/tokenizers';
 * const trained = await trainBpe(['hello hello world'], { vocabSize: 262 });
 * const tokenizer = Tokenizer.fromJSON(trained.toJSON());
 * const { ids } = tokenizer.encode('hello world');
 * console.log(tokenizer.decode(ids)); // 'hello world'
 * ```
 */
export class Tokenizer {
  /** Number of ids: one more than the largest. */
  readonly vocabSize: number;
  private readonly added: AddedTokens;
  private readonly placed: boolean;
  private fast: ByteBpe | null | undefined;

  /** @throws TokenizerError `invalid_file` for added tokens that no tokenizer.json could hold: an id or a content twice, and the like. */
  constructor(readonly parts: TokenizerParts) {
    checkAddedTokens(parts.addedTokens ?? []);
    this.added = new AddedTokens(parts.addedTokens ?? [], parts.normalizer ?? null);
    this.placed = parts.normalizer != null && looksAtPlaces(parts.preTokenizer?.toJSON());
    let largest = -1;
    for (const id of parts.model.vocab.values()) largest = Math.max(largest, id);
    for (const id of this.added.byId.keys()) largest = Math.max(largest, id);
    this.vocabSize = largest + 1;
  }

  /**
   * The tokenizer of a parsed tokenizer.json.
   *
   * @throws TokenizerError `invalid_file` or `unsupported`, naming the place.
   */
  static fromJSON(json: unknown): Tokenizer {
    return new Tokenizer(readTokenizer(json));
  }

  /**
   * The content of a tokenizer.json that Hugging Face's library loads.
   *
   * @throws TokenizerError `unsupported` for what no tokenizer.json says: ids of added tokens that a Unigram vocabulary
   *   has no room for, and a GGUF model whose merges lack some tokens of newlines.
   */
  toJSON(): Record<string, unknown> {
    return tokenizerToJson(this.parts);
  }

  /** The id of a token, or undefined. */
  tokenToId(token: string): number | undefined {
    return this.added.byContent.get(token)?.id ?? this.parts.model.vocab.get(token);
  }

  /** The token of an id, one that is sought in normalised text as it is written there; or undefined. */
  idToToken(id: number): string | undefined {
    // A model's table would have a string for the name of a property.
    if (typeof id !== 'number') return undefined;
    return this.added.textOf(id) ?? this.parts.model.token(id);
  }

  /** The tokens that `allowedSpecial` is about. */
  get specialTokens(): AddedToken[] {
    return this.added.list.filter((token) => token.special);
  }

  /**
   * Ids (N,) of one text as a plain list; `encode(text).ids` gives the same in a typed array. Truncation and padding of
   * the tokenizer are not applied.
   *
   * @throws TokenizerError `invalid_text` for a lone surrogate or a disallowed token, `token_not_found` where the model
   *   needs an unknown token and has none, `invalid_argument` for what is of another type; `step_limit` or
   *   `invalid_file` where a pattern does not end on this text, or components multiply it without measure.
   */
  encodeIds(text: string, options: EncodeIdsOptions = {}): number[] {
    if (typeof text !== 'string') throw wrongArgument('encode', 'text', 'a text', text);
    checkObject('encode', 'options', 'an object', options);
    return this.listIds(text, options).toList();
  }

  private listIds(text: string, options: EncodeIdsOptions): IdList {
    const out = new IdList(Math.max(64, text.length >> 2));
    this.appendIds(text, options, out);
    return out;
  }

  /** @internal Adds the ids of a text to a list. */
  appendIds(text: string, options: EncodeIdsOptions, out: IdList): void {
    const { addSpecialTokens = true, allowedSpecial = 'all' } = options;
    this.checkAllowed(text, options);
    this.tokensAround(addSpecialTokens).forEach((ids, i) => {
      if (i > 0) this.bareIds(text, allowedSpecial, out);
      for (const id of ids) out.push(id);
    });
  }

  private readonly surroundings = new Map<boolean, readonly (readonly number[])[]>();

  /**
   * @internal
   * @throws TokenizerError `invalid_text` for a special token that the options refuse, `invalid_argument` for such options.
   */
  checkAllowed(text: TextInput, options: EncodeIdsOptions): void {
    checkAllowed(this.added, text, options);
  }

  /** @internal Ids that the post-processor puts before one text and behind it; a template may have it more often, or never. */
  tokensAround(addSpecialTokens: boolean): readonly (readonly number[])[] {
    const known = this.surroundings.get(addSpecialTokens);
    if (known !== undefined) return known;
    const found = idsAround(this.parts.postProcessor ?? null, addSpecialTokens);
    this.surroundings.set(addSpecialTokens, found);
    return found;
  }

  /**
   * Forgets the words that it has met, as `clear_cache` of Hugging Face's models: the next text is a first one again. The
   * cache is bounded without it; byte-level BPE keeps its memory, some 16 MB at the most, for the words to come.
   */
  clearCache(): void {
    this.parts.model.clearCache?.();
    this.fast?.clearCache();
  }

  /** @internal The quick way from bytes to ids, or null. */
  get quick(): ByteBpe | null {
    if (this.fast === undefined) this.fast = fastEncoder(this.parts.preTokenizer ?? null, this.parts.model);
    return this.fast;
  }

  /** @internal What the quick way takes of a text; null where there is no such way. */
  quickParts(text: string, allowed: AllowedSpecial): QuickPart[] | null {
    const { added, quick } = this;
    if (quick === null || !added.placeless(allowed)) return null;
    return quickParts(added, this.parts.normalizer ?? null, quick.prefixesSpace, text, allowed);
  }

  /** Ids of the text alone, on the quick way where there is one. */
  private bareIds(text: string, allowed: AllowedSpecial, out: IdList): void {
    const { preTokenizer, model } = this.parts;
    const { quick } = this;
    const parts = this.quickParts(text, allowed);
    if (quick !== null && parts !== null) {
      for (const part of parts) {
        if ('id' in part) out.push(part.id);
        else quick.encode(part.text, part.from, part.to, out);
      }
      return;
    }
    checkText(text);
    // Only places need a text that remembers where it came from.
    const placed = (typeof allowed === 'object' && 'outside' in allowed) || this.placed;
    const given = placed ? AlignedText.of(text) : AlignedText.untracked(text);
    for (const { text: piece, token } of this.added.split(given, allowed)) {
      if (token !== null) {
        out.push(token.id);
        continue;
      }
      for (const word of preTokenizer ? preTokenizer.split(piece) : [piece]) {
        for (const stretch of model.segments?.(word.text) ?? [word.text])
          for (const id of model.tokenize(stretch).ids) out.push(id);
      }
    }
  }

  /**
   * Encodes a text, or two (`pair`), cut and padded as the tokenizer or the options say. The result has ids (N,), and
   * makes tokens, offsets and the rest when they are asked for.
   *
   * @throws TokenizerError as `encodeIds`; `invalid_argument` where truncation has no room.
   */
  encode(text: TextInput, options: EncodeOptions = {}): Encoding {
    checkObject('encode', 'options', 'an object', options);
    const { truncation = this.parts.truncation ?? null, padding = this.parts.padding ?? null, pair } = options;
    const isPlain = typeof text === 'string' && pair === undefined && truncation === null && padding === null;
    // What is made later must be of the same cuts.
    if (isPlain && this.parts.model.random !== true) {
      const ids = this.listIds(text, options).toArray();
      const later = unchanging(options);
      return new Encoding(ids, () => this.rows(text, later));
    }
    const rows = this.rows(text, options);
    return Encoding.of(padding === null ? rows : (padRows([rows], padding)[0] as Rows));
  }

  /**
   * Encodes texts and pads them to one length if the tokenizer or the options say so.
   *
   * @param options.pairs Second texts, one for each.
   * @throws TokenizerError as `encode`, naming the text.
   */
  encodeBatch(texts: readonly TextInput[], options: EncodeBatchOptions = {}): Encoding[] {
    checkObject('encodeBatch', 'options', 'an object', options);
    const { padding = this.parts.padding ?? null, pairs, ...rest } = options;
    if (!Array.isArray(texts)) throw wrongArgument('encodeBatch', 'texts', 'a list of texts', texts);
    if (pairs !== undefined && !Array.isArray(pairs))
      throw wrongArgument('encodeBatch', 'pairs', 'a list of texts', pairs);
    if (pairs !== undefined && pairs.length !== texts.length) {
      throw new TokenizerError(
        'invalid_argument',
        `[encodeBatch] expected ${texts.length} second texts, got ${pairs.length}`,
      );
    }
    const each = <T>(make: (text: TextInput, options: EncodeOptions) => T): T[] =>
      Array.from(texts as readonly TextInput[], (text, i) => {
        const pair = pairs?.[i];
        try {
          return make(text, pair === undefined ? { ...rest, padding: null } : { ...rest, padding: null, pair });
        } catch (error) {
          throw ofBatch(error, i, texts.length);
        }
      });
    if (padding === null) return each((text, own) => this.encode(text, own));
    return padRows(
      each((text, own) => this.rows(text, own)),
      padding,
    ).map(Encoding.of);
  }

  private rows(text: TextInput, options: EncodeOptions): Rows {
    return encodedRows(this.parts, this.added, text, options);
  }

  /** Tokens of ids as they go into the decoder, special ones left out if asked. */
  private tokenOf(id: number, skipSpecialTokens: boolean, place?: number): string | null {
    const token = this.idToToken(id);
    if (token === undefined) {
      throw new TokenizerError(
        'invalid_argument',
        `[decode] expected ids from 0 to ${this.vocabSize - 1} of this tokenizer, got ${shown(id)}${place === undefined ? '' : ` at place ${place}`}`,
      );
    }
    return skipSpecialTokens && this.added.byContent.get(token)?.special ? null : token;
  }

  /**
   * The text of ids (N,), by the decoder; without one, tokens joined by spaces. Bytes that are no valid UTF-8 become
   * U+FFFD.
   *
   * @param options.skipSpecialTokens Default true.
   * @throws TokenizerError `invalid_argument` for an id outside the vocabulary.
   */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    checkIds(ids);
    checkObject('decode', 'options', 'an object', options);
    const { skipSpecialTokens = true } = options;
    const tokens: string[] = [];
    let place = 0;
    for (const id of ids) {
      const token = this.tokenOf(id, skipSpecialTokens, place++);
      if (token !== null) tokens.push(token);
    }
    return this.parts.decoder ? this.parts.decoder.decode(tokens).join('') : tokens.join(' ');
  }

  /**
   * Decodes ids as they come; never gives half a character, and together exactly what `decode` gives.
   *
   * @param options.skipSpecialTokens Default true.
   */
  decodeStream(options: DecodeOptions = {}): DecodeStream {
    checkObject('decode', 'options', 'an object', options);
    const { skipSpecialTokens = true } = options;
    return new DecodeStream((id) => this.tokenOf(id, skipSpecialTokens), this.parts.decoder ?? null);
  }
}
