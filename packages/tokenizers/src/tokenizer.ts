import { AddedTokenMatcher, type AddedToken } from './added-tokens';
import type { Bpe } from './bpe';
import { charToByte, toByteChars } from './byte-alphabet';
import { DecodeStream } from './decode-stream';
import { TokenizerError } from './errors';
import { parseTokenizerJson, tokenizerToJson } from './json';
import { alignedNfc } from './nfc';
import type { PostProcessor } from './post-processor';
import type { PreTokenizer } from './pre-tokenizer';

/** Parts of a tokenizer: the text goes through them in this order. */
export interface TokenizerParts {
  readonly addedTokens?: readonly AddedToken[];
  /** Unicode normal form; default none. */
  readonly normalizer?: 'NFC' | null;
  readonly preTokenizer: PreTokenizer;
  readonly model: Bpe;
  readonly postProcessor?: PostProcessor | null;
}

/** Settings of `encode`. */
export interface EncodeOptions {
  /** Add what the post-processor adds (beginning and end of sequence); default true. */
  readonly addSpecialTokens?: boolean;
  /** Recognise special tokens that are written in the text; default true. Turn it off for text from outside. */
  readonly allowSpecial?: boolean;
}

/** What a text became. */
export interface Encoding {
  readonly ids: number[];
  readonly tokens: string[];
  /** [start, end) of each token in the text, in UTF-16 units; [0, 0] for tokens that were added. */
  readonly offsets: [number, number][];
}

// Words repeat; their ids are kept. Bounded, so that endless input can't exhaust memory.
const cacheLimit = 1 << 16;
const longestCached = 64;
const bytesOf = new TextEncoder();

/**
 * A byte-level BPE tokenizer: added tokens, normaliser, pre-tokenizer, model, post-processor and decoder, as
 * Hugging Face's tokenizer.json describes them.
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
  private readonly matcher: AddedTokenMatcher;
  private readonly added = new Map<number, AddedToken>();
  private readonly addedIds = new Map<string, number>();
  private readonly cache = new Map<string, readonly number[]>();

  constructor(readonly parts: TokenizerParts) {
    for (const token of parts.addedTokens ?? []) {
      if (!Number.isInteger(token.id) || token.id < 0) {
        throw new TokenizerError(
          'invalid_file',
          `[Tokenizer] expected an id of at least 0 for ${JSON.stringify(token.content)}, got ${token.id}`,
        );
      }
      this.added.set(token.id, token);
      this.addedIds.set(token.content, token.id);
    }
    this.matcher = new AddedTokenMatcher(parts.addedTokens ?? []);
    let largest = -1;
    for (const id of parts.model.vocab.values()) largest = Math.max(largest, id);
    for (const id of this.added.keys()) largest = Math.max(largest, id);
    this.vocabSize = largest + 1;
  }

  /** The tokenizer of a parsed tokenizer.json. @throws TokenizerError naming the component that is malformed or not supported. */
  static fromJSON(json: unknown): Tokenizer {
    return new Tokenizer(parseTokenizerJson(json));
  }

  /** The content of a tokenizer.json that Hugging Face's library loads. */
  toJSON(): unknown {
    return tokenizerToJson(this.parts);
  }

  /** The id of a token, or undefined. */
  tokenToId(token: string): number | undefined {
    return this.addedIds.get(token) ?? this.parts.model.vocab.get(token);
  }

  /** The token of an id as the vocabulary writes it, or undefined. */
  idToToken(id: number): string | undefined {
    return this.added.get(id)?.content ?? this.parts.model.token(id);
  }

  /** Ids of a text alone: the fast path, without tokens and offsets. */
  encodeIds(text: string, options: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    this.forEachToken(text, options, (wordIds) => {
      for (const id of wordIds) ids.push(id);
    });
    return this.withSpecial(ids, options);
  }

  /** Ids, tokens and offsets of a text. */
  encode(text: string, options: EncodeOptions = {}): Encoding {
    const ids: number[] = [];
    const offsets: [number, number][] = [];
    this.forEachToken(text, options, (wordIds, word, locate) => {
      const places = word === null ? null : bytePlaces(word);
      let byte = 0;
      for (const id of wordIds) {
        ids.push(id);
        if (places === null) {
          offsets.push(locate(0, 0));
          continue;
        }
        const length = [...(this.parts.model.token(id) ?? '')].length;
        const [first] = places[byte] as [number, number];
        const [, last] = places[byte + length - 1] as [number, number];
        offsets.push(locate(first, last));
        byte += length;
      }
    });
    const all = this.withSpecial(ids, options);
    const before = options.addSpecialTokens === false ? 0 : (this.parts.postProcessor?.before.length ?? 0);
    const padded: [number, number][] = all.map((_, i) => offsets[i - before] ?? [0, 0]);
    return { ids: all, tokens: all.map((id) => this.idToToken(id) ?? ''), offsets: padded };
  }

  private withSpecial(ids: number[], options: EncodeOptions): number[] {
    const post = this.parts.postProcessor;
    if (!post || options.addSpecialTokens === false) return ids;
    return [...post.before, ...ids, ...post.after];
  }

  private forEachToken(
    text: string,
    options: EncodeOptions,
    visit: (
      ids: readonly number[],
      word: string | null,
      locate: (start: number, end: number) => [number, number],
    ) => void,
  ): void {
    const { allowSpecial = true } = options;
    const { normalizer, preTokenizer } = this.parts;
    const accept = (token: AddedToken) => allowSpecial || !token.special;
    for (const { start, end, token } of this.matcher.split(text, accept)) {
      if (token !== null) {
        visit([token.id], null, () => [start, end]);
        continue;
      }
      const raw = text.slice(start, end);
      const aligned = normalizer === 'NFC' ? alignedNfc(raw) : null;
      const normal = aligned?.text ?? raw;
      const prefix = preTokenizer.addPrefixSpace && !normal.startsWith(' ') ? ' ' : '';
      // Units of the word to places in the text; the prefix space has none of its own.
      const place = (from: number, to: number): [number, number] => {
        const a = Math.max(0, from - prefix.length);
        const b = Math.max(0, to - prefix.length);
        if (aligned === null) return [start + a, start + b];
        return [start + (aligned.starts[a] ?? raw.length), start + (b > 0 ? (aligned.ends[b - 1] as number) : 0)];
      };
      preTokenizer.forEachWord(prefix + normal, (word, at) =>
        visit(this.wordIds(word), word, (from, to) => place(at + from, at + to)),
      );
    }
  }

  private wordIds(word: string): readonly number[] {
    const known = this.cache.get(word);
    if (known !== undefined) return known;
    const ids = this.parts.model.encodeWord(toByteChars(word));
    if (word.length <= longestCached) {
      if (this.cache.size >= cacheLimit) this.cache.clear();
      this.cache.set(word, ids);
    }
    return ids;
  }

  /** The bytes of an id; none for a special token to be skipped. */
  private tokenBytes(id: number, skipSpecialTokens: boolean): Uint8Array {
    const added = this.added.get(id);
    if (added !== undefined) {
      return skipSpecialTokens && added.special ? new Uint8Array() : bytesOf.encode(added.content);
    }
    const token = this.parts.model.token(id);
    if (token === undefined) {
      throw new TokenizerError(
        'invalid_argument',
        `[decode] expected ids from 0 to ${this.vocabSize - 1} of this tokenizer, got ${id}`,
      );
    }
    const bytes: number[] = [];
    for (const char of token) {
      const byte = charToByte(char);
      // A token outside the byte alphabet stands for its own text.
      if (byte === undefined) return bytesOf.encode(token);
      bytes.push(byte);
    }
    return Uint8Array.from(bytes);
  }

  /**
   * The text of ids. Bytes that are no valid UTF-8 become U+FFFD.
   *
   * @param options.skipSpecialTokens Default true.
   * @throws TokenizerError `invalid_argument` for an id outside the vocabulary.
   */
  decode(ids: Iterable<number>, options: { readonly skipSpecialTokens?: boolean } = {}): string {
    const stream = this.decodeStream(options);
    let text = '';
    for (const id of ids) text += stream.push(id);
    return text + stream.flush();
  }

  /** Decodes ids as they come; never gives half a character. */
  decodeStream(options: { readonly skipSpecialTokens?: boolean } = {}): DecodeStream {
    const { skipSpecialTokens = true } = options;
    return new DecodeStream((id) => this.tokenBytes(id, skipSpecialTokens));
  }
}

/** For each UTF-8 byte of a word the [start, end) of its character in UTF-16 units. */
function bytePlaces(word: string): [number, number][] {
  const out: [number, number][] = [];
  let at = 0;
  for (const char of word) {
    const code = char.codePointAt(0) as number;
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (let b = 0; b < bytes; b++) out.push([at, at + char.length]);
    at += char.length;
  }
  return out;
}
