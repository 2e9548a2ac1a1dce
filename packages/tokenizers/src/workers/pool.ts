import { wrongArgument } from '../config';
import { availableParallelism } from 'node:os';
import { ofBatch } from '../encode/arguments';
import type { QuickPart } from '../encode/quick-parts';
import { TokenizerError } from '../errors';
import { IdList } from '../fast/id-list';
import { WordLog } from '../fast/word-log';
import { checkObject } from '../arguments';
import { Bpe } from '../models/bpe';
import type { EncodeIdsOptions } from '../options';
import { checkText } from '../text/well-formed';
import type { Tokenizer } from '../tokenizer';
import { EncodeThread } from './encode-thread';
import { Job } from './job';
import type { TokenizerData } from './messages';
import { type Piece, cut, grouped, pieceOf } from './pieces';
import { TaskQueue } from './queue';

/** Ids of a call that the pool keeps memory for, 16 MB: new memory for each makes the collector run all the time. */
const mostKept = 1 << 22;

/** Settings of `TokenizerPool.create`. */
export interface TokenizerPoolOptions {
  /** Number of worker threads, from 1 to 1024; default as many as the process may use. */
  readonly workers?: number;
}

/** Settings of `TokenizerPool.encodeBatch`. */
export interface PoolEncodeOptions extends EncodeIdsOptions {
  /** Stops the call: it rejects with the signal's reason, and what has not begun is not encoded. */
  readonly signal?: AbortSignal;
}

/**
 * Worker threads that encode texts (Node only). Each holds the tokenizer, so a pool is made once and used often. The
 * ids are those of `Tokenizer.encodeIds`; truncation and padding are not applied. A long text is shared out too, where
 * its ids are surely those of its pieces: byte-level BPE with a split pattern that published tokenizers use.
 *
 * The tokenizer travels as its tokenizer.json, so its components must be of the kinds known there.
 *
 * @example
 * ```ts
 * import { trainBpe } from '@tessera-llm/tokenizers';
 * import { TokenizerPool } from '@tessera-llm/tokenizers/pool';
 * const tokenizer = await trainBpe(['low lower lowest'], { vocabSize: 260 });
 * const pool = await TokenizerPool.create(tokenizer, { workers: 2 });
 * const [ids] = await pool.encodeBatch(['lower', 'lowest']); // Int32Array
 * console.log(tokenizer.decode(ids!)); // 'lower'
 * await pool.dispose();
 * ```
 */
export class TokenizerPool {
  private readonly queue: TaskQueue;
  /** Memory for a call's ids in the order in which they come; null while a call has it. */
  private spare: IdList | null = null;
  /** Memory of the words that each worker meets. */
  private logs: Int32Array[] = [];

  private constructor(
    private readonly tokenizer: Tokenizer,
    private readonly threads: EncodeThread[],
    data: TokenizerData,
  ) {
    this.queue = new TaskQueue(threads, () => new EncodeThread(data));
  }

  /**
   * Starts the workers; resolves when all of them hold the tokenizer.
   *
   * @throws TokenizerError `invalid_argument` for a number of workers out of range; `unsupported` or `invalid_file` for
   *   components that tokenizer.json does not know; `worker_failed` if a worker can't start.
   */
  static async create(tokenizer: Tokenizer, options: TokenizerPoolOptions = {}): Promise<TokenizerPool> {
    // Not by its class: it may be another copy's.
    if (typeof tokenizer?.toJSON !== 'function')
      throw wrongArgument('TokenizerPool', 'tokenizer', 'a Tokenizer', tokenizer);
    checkObject('TokenizerPool', 'options', 'an object', options);
    const { workers = availableParallelism() } = options;
    if (!Number.isInteger(workers) || workers < 1 || workers > 1024) {
      throw new TokenizerError(
        'invalid_argument',
        `[TokenizerPool] expected from 1 to 1024 workers, got ${String(workers)}`,
      );
    }
    const { model } = tokenizer.parts;
    const ranks = model instanceof Bpe && model.options.ranks ? Int32Array.from(model.options.ranks) : null;
    const data: TokenizerData = { json: JSON.stringify(tokenizer.toJSON()), ranks };
    const threads = Array.from({ length: workers }, () => new EncodeThread(data));
    const pool = new TokenizerPool(tokenizer, threads, data);
    pool.clearCache();
    try {
      await Promise.all(threads.map((thread) => thread.ready));
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    return pool;
  }

  /** Number of worker threads. */
  get workers(): number {
    return this.queue.workers;
  }

  /**
   * Ids (N,) of each text, in the order of the texts.
   *
   * @throws TokenizerError as `Tokenizer.encodeBatch`; `worker_failed` if a worker ends meanwhile (the next call starts
   *   another); `invalid_argument` behind `dispose`.
   */
  async encodeBatch(texts: readonly string[], options: PoolEncodeOptions = {}): Promise<Int32Array[]> {
    checkObject('TokenizerPool', 'options', 'an object', options);
    const { signal, addSpecialTokens = true, allowedSpecial = 'all' } = options;
    signal?.throwIfAborted();
    if (!Array.isArray(texts)) throw wrongArgument('TokenizerPool', 'texts', 'a list of texts', texts);
    const wrong = texts.findIndex((text) => typeof text !== 'string');
    if (wrong >= 0) {
      throw new TokenizerError(
        'invalid_argument',
        `[TokenizerPool] expected texts, got ${typeof texts[wrong]} at place ${wrong}`,
      );
    }
    const ids = this.spare ?? new IdList();
    this.spare = null;
    const ofTexts: Piece[][] = [];
    const quick: Piece[] = [];
    const slow: Piece[] = [];
    for (const [i, text] of texts.entries()) {
      const parts = this.partsOf(texts, i, options);
      const own: Piece[] = [];
      for (const part of parts ?? [{ text, from: 0, to: text.length }]) {
        if ('id' in part) {
          own.push({ text: '', from: 0, to: 0, begin: ids.length, end: ids.length + 1 });
          ids.push(part.id);
          continue;
        }
        const pieces = parts === null ? [pieceOf(part.text, part.from, part.to)] : cut(part.text, part.from, part.to);
        for (const piece of pieces) {
          own.push(piece);
          (parts === null ? slow : quick).push(piece);
        }
      }
      ofTexts.push(own);
    }
    await this.queue
      .run((failed, settled) => {
        const job = (isQuick: boolean) => (pieces: Piece[]) =>
          new Job(pieces, ids, isQuick, allowedSpecial, failed, settled);
        return [...grouped(quick, this.workers).map(job(true)), ...grouped(slow, this.workers).map(job(false))];
      }, signal)
      .catch((error) => {
        throw withPlace(error, texts);
      });
    const around = this.tokenizer.tokensAround(addSpecialTokens);
    const out = ofTexts.map((own) => {
      const text = own.map(({ begin, end }) => ids.ids.subarray(begin, end));
      return joined(around.flatMap((added, i) => (i > 0 ? [...text, added] : [added])));
    });
    // Only now: a worker may still be at what another call, which failed, had begun.
    if (ids.ids.length <= mostKept) {
      ids.length = 0;
      this.spare = ids;
    }
    return out;
  }

  /** What the quick way takes of one of the texts, or null. */
  private partsOf(texts: readonly string[], index: number, options: PoolEncodeOptions): QuickPart[] | null {
    const text = texts[index] as string;
    try {
      this.tokenizer.checkAllowed(text, options);
      return this.tokenizer.quickParts(text, options.allowedSpecial ?? 'all');
    } catch (error) {
      throw ofBatch(error, index, texts.length);
    }
  }

  /**
   * Ids (N,) of one text, its pieces shared out among the workers where that is exact.
   *
   * @throws TokenizerError as `encodeBatch`.
   */
  async encode(text: string, options: PoolEncodeOptions = {}): Promise<Int32Array> {
    const [ids] = await this.encodeBatch([text], options);
    return ids as Int32Array;
  }

  /**
   * Makes the workers forget the words that they have met, as `Tokenizer.clearCache`: calls made from now on begin anew.
   */
  clearCache(): void {
    // New memory where a worker may still be adding to the old.
    if (this.logs.length === 0 || this.threads.some((thread) => thread.load > 0))
      this.logs = this.threads.map(() => WordLog.memory());
    else this.logs.forEach(WordLog.empty);
    // A worker that has taken a broken one's place shares from now on.
    this.threads.forEach((thread, i) => {
      const log = this.logs[i] as Int32Array;
      thread.forget({ log, others: this.logs.filter((other) => other !== log) });
    });
  }

  /** Ends the workers; calls under way reject. */
  async dispose(): Promise<void> {
    await this.queue.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

/** A worker knows only its pieces; of a lone surrogate it is told here in which text it is, and where. */
function withPlace(error: unknown, texts: readonly string[]): unknown {
  if (!(error instanceof TokenizerError) || error.code !== 'invalid_text') return error;
  for (const [i, text] of texts.entries()) {
    try {
      checkText(text);
    } catch (found) {
      return ofBatch(found, i, texts.length);
    }
  }
  return error;
}

function joined(lists: readonly ArrayLike<number>[]): Int32Array {
  const out = new Int32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    out.set(list, at);
    at += list.length;
  }
  return out;
}
