import { type Reader, malformed, maxId } from '../config';
import { TokenizerError } from '../errors';
import { bytePieces } from './byte-pieces';
import type { Model, Pieces } from './model';
import { PieceCache } from './piece-cache';
import { Trie } from './trie';

/** Settings of a Unigram model. */
export interface UnigramOptions {
  /** Pieces with their log-probabilities; the place is the id. */
  readonly pieces: readonly (readonly [string, number])[];
  /** Id of what stands for characters that no piece covers; default none: such characters are an error. */
  readonly unkId?: number | null;
  /** Unknown stretches become their UTF-8 bytes, `<0x00>` to `<0xFF>`; needs `unkId` all the same. Default false. */
  readonly byteFallback?: boolean;
  /** What only SentencePiece's own models know. */
  readonly sentencePiece?: UnigramPieceTypes;
}

/** How SentencePiece itself encodes, where it differs from Hugging Face's library. */
export interface UnigramPieceTypes {
  /** Ids that no text becomes: of control, unknown, unused and byte pieces. */
  readonly unmatched: ReadonlySet<number>;
  /** Ids of pieces that win over all others; they score as SentencePiece lets them. */
  readonly userDefined: ReadonlySet<number>;
  /** What a user-defined piece scores: a tenth for each further byte (SentencePiece 0.2), or nothing (T5 in GGUF). */
  readonly userDefinedScore: 'length' | 'zero';
  /** Sums in single precision, as SentencePiece adds. */
  readonly singlePrecision: boolean;
}

/** An unknown character costs this much more than the worst piece. */
const unknownPenalty = 10;
const encoder = new TextEncoder();

/**
 * Unigram: of all ways to cut a word into pieces the one with the highest Σ log p(piece), by Viterbi. A character that
 * no piece covers scores 10 below the worst piece; side by side they are one token.
 *
 * @see Kudo 2018, "Subword regularization".
 *
 * @example
 * ```ts
 * import { Unigram } from '@tessera-llm/tokenizers';
 * const model = new Unigram({ pieces: [['<unk>', 0], ['a', -2], ['b', -2], ['ab', -3]], unkId: 0 });
 * console.log(model.tokenize('aba').tokens); // ['ab', 'a']
 * console.log(model.tokenize('xxa').ids); // [0, 1]
 * ```
 */
export class Unigram implements Model {
  readonly type = 'Unigram';
  readonly vocab: ReadonlyMap<string, number>;
  private readonly trie: Trie;
  private readonly scores: Float64Array;
  private readonly unknownScore: number;
  private readonly round: (x: number) => number;
  private readonly cache = new PieceCache((word) => this.pieces(word));

  /**
   * @throws TokenizerError `invalid_file` for 2^24 pieces or more, a `unkId` that is none of theirs, or a score of NaN. `tokenize` throws
   * `token_not_found` for an unknown character without `unkId`.
   */
  constructor(readonly options: UnigramOptions) {
    const { pieces, unkId } = options;
    if (pieces.length > maxId) throw malformed('model.vocab', `at most ${maxId} pieces`, pieces.length);
    if (unkId != null && !(Number.isInteger(unkId) && unkId >= 0 && unkId < pieces.length))
      throw malformed('model.unk_id', `an id below ${pieces.length}`, unkId);
    const vocab = new Map<string, number>();
    this.trie = new Trie(pieces.length * 4);
    this.scores = new Float64Array(pieces.length);
    const { sentencePiece: own } = options;
    const counts = (id: number) => !own || !(own.unmatched.has(id) || own.userDefined.has(id));
    const least = pieces.reduce((x, [, score], id) => (counts(id) ? Math.min(x, score) : x), Number.POSITIVE_INFINITY);
    pieces.forEach(([piece, score], id) => {
      if (Number.isNaN(score)) throw malformed(`model.vocab[${id}]`, 'a piece and its log-probability', [piece, score]);
      vocab.set(piece, id);
      if (piece !== '' && !own?.unmatched.has(id)) this.trie.add(piece, id);
      this.scores[id] = score;
      if (!own?.userDefined.has(id)) return;
      this.scores[id] = own.userDefinedScore === 'zero' ? 0 : Math.fround(0.1 * (encoder.encode(piece).length - 1));
    });
    this.vocab = vocab;
    this.round = own?.singlePrecision ? Math.fround : (x) => x;
    this.unknownScore = this.round(least - unknownPenalty);
  }

  /** A piece that is listed twice counts twice. */
  get size(): number {
    return this.options.pieces.length;
  }

  token(id: number): string | undefined {
    return this.options.pieces[id]?.[0];
  }

  tokenize(word: string): Pieces {
    return this.cache.get(word);
  }

  clearCache(): void {
    this.cache.clear();
  }

  private pieces(word: string): Pieces {
    const out = { ids: [] as number[], tokens: [] as string[], starts: [] as number[], ends: [] as number[] };
    const add = (id: number, token: string, start: number, end: number) => {
      out.ids.push(id);
      out.tokens.push(token);
      out.starts.push(start);
      out.ends.push(end);
    };
    const { sentencePiece: own } = this.options;
    for (const [start, end, unknown] of this.cut(word)) {
      const text = word.slice(start, end);
      const id = own && unknown ? undefined : this.vocab.get(text);
      if (id !== undefined) {
        add(id, text, start, end);
        continue;
      }
      const bytes = this.options.byteFallback ? bytePieces(text, this.vocab) : null;
      if (bytes === null) add(this.unknownId(), text, start, end);
      else for (const [piece, byteId] of bytes) add(byteId, piece, start, end);
    }
    return out;
  }

  private unknownId(): number {
    const { unkId } = this.options;
    if (unkId == null)
      throw new TokenizerError(
        'token_not_found',
        '[Unigram] a character needs the unknown token, and the model has none',
      );
    return unkId;
  }

  /** The best cut, unknown characters side by side fused. */
  private cut(word: string): [number, number, boolean][] {
    const n = word.length;
    const best = new Float64Array(n + 1);
    // Where the best piece that ends here starts; -1 for none yet. unknown: that piece is an unknown character.
    const from = new Int32Array(n + 1).fill(-1);
    const unknown = new Uint8Array(n + 1);
    const { trie, scores, round } = this;
    const { unkId, sentencePiece: own } = this.options;
    const reach = (start: number, end: number, score: number, isUnknown: number) => {
      if (from[end] !== -1 && score <= (best[end] as number)) return;
      // As in Hugging Face's library, also where bytes would stand for the character.
      if (isUnknown === 1 && unkId == null && !own) this.unknownId();
      best[end] = score;
      from[end] = start;
      unknown[end] = isUnknown;
    };
    for (let start = 0; start < n; ) {
      const size = (word.codePointAt(start) as number) > 0xffff ? 2 : 1;
      const sofar = best[start] as number;
      let single = false;
      let node = 0;
      for (let end = start; end < n; ) {
        node = trie.step(node, word.charCodeAt(end++));
        if (node < 0) break;
        const id = trie.value(node);
        if (id < 0) continue;
        reach(start, end, round(sofar + (scores[id] as number)), id === unkId ? 1 : 0);
        if (end - start === size) single = true;
      }
      if (!single) reach(start, start + size, round(sofar + this.unknownScore), 1);
      start += size;
    }
    const out: [number, number, boolean][] = [];
    let fusing = false;
    for (let end = n; end > 0; ) {
      const start = from[end] as number;
      const isUnknown = unknown[end] === 1 && unkId != null;
      const last = out[out.length - 1];
      if (isUnknown && fusing && last !== undefined) last[0] = start;
      else out.push([start, end, isUnknown]);
      fusing = isUnknown;
      end = start;
    }
    return out.reverse();
  }

  toJSON(): Record<string, unknown> {
    return {
      type: 'Unigram',
      unk_id: this.options.unkId ?? null,
      // The nearest that Hugging Face's library has to SentencePiece's user-defined pieces is their score.
      vocab: this.options.pieces.map(([piece, score], id) => [
        piece,
        this.options.sentencePiece?.userDefined.has(id) ? (this.scores[id] as number) : score,
      ]),
      byte_fallback: this.options.byteFallback ?? false,
    };
  }
}

export function readUnigram(config: Reader): Unigram {
  const pieces = config.list('vocab').map((item, i): readonly [string, number] => {
    if (Array.isArray(item) && item.length === 2) {
      const [piece, score]: unknown[] = item;
      if (typeof piece === 'string' && typeof score === 'number' && !Number.isNaN(score)) return [piece, score];
    }
    throw malformed(`${config.at('vocab')}[${i}]`, 'a piece with its score', item);
  });
  const unkId = (config.get('unk_id') ?? null) === null ? null : config.integer('unk_id');
  return new Unigram({ pieces, unkId, byteFallback: config.boolean('byte_fallback', false) });
}
