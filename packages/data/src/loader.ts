import { z } from 'zod';
import { checkChoice, checkWhole, DataError } from './errors.js';
import { permutation } from './permutation.js';
import { readBatch, type TokenBatch } from './token-batch.js';
import type { TokenSource } from './token-source.js';
import { checkPredictable, type DocumentMode, documentModes, type Unit, Units } from './units.js';

/** Options of {@link TokenLoader}. */
export interface TokenLoaderOptions {
  /** Rows of `seqLen` tokens in a batch: N = batchSize * seqLen. */
  readonly batchSize: number;
  /** The longest segment, at most the model's context. */
  readonly seqLen: number;
  /** A whole number: the order of an epoch is a function of it, the epoch's number and the number of runs. */
  readonly seed: number;
  /**
   * `'separate'` (default): a segment never crosses from one document into another, so that nothing
   * is predicted from an unrelated text. `'joined'`: documents follow one another as one text.
   */
  readonly documents?: DocumentMode;
  /** Passes over the data, the last batch possibly short. Default: without end. */
  readonly epochs?: number;
}

const stateSchema = z.object({
  version: z.literal(1),
  fingerprint: z.string(),
  seed: z.int(),
  batchSize: z.int(),
  seqLen: z.int(),
  documents: z.enum(['separate', 'joined']),
  epoch: z.int().nonnegative(),
  unit: z.int().nonnegative(),
  offset: z.int().nonnegative(),
});

/** The position of a loader, as plain JSON for a checkpoint, with what it depends on. */
export type TokenLoaderState = Readonly<z.infer<typeof stateSchema>>;

/**
 * Shuffled, packed batches of exactly batchSize * seqLen tokens, without end unless `epochs` says so.
 *
 * Documents are cut into runs of at most `seqLen` tokens; the runs of an epoch come in a pseudo-random
 * order that is a function of (seed, epoch), and fill batch after batch. A run that does not fit is
 * continued as a segment of its own in the next batch, across the border of an epoch too. Each epoch
 * predicts each token once, the first of each document aside.
 *
 * `state()` is a few numbers; a loader that `load`s it goes on with the very next batch.
 *
 * @throws DataError `invalid_argument`; `empty_corpus` if there is nothing to predict: no document has two tokens.
 *
 * @example
 * ```ts
 * import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
 *
 * const source = tokensFromArrays([[1, 2, 3, 4, 5], [6, 7, 8]], { vocabSize: 9 });
 * const loader = new TokenLoader(source, { batchSize: 2, seqLen: 2, seed: 0 });
 * const first = await loader.next();
 * const saved = loader.state();
 * const second = await loader.next();
 * loader.load(saved);
 * console.log(first?.ids.length, JSON.stringify(await loader.next()) === JSON.stringify(second)); // 4 true
 * ```
 */
export class TokenLoader {
  readonly #source: TokenSource;
  readonly #options: Required<TokenLoaderOptions>;
  readonly #units: Units;
  #order: (index: number) => number;
  #epoch = 0;
  #unit = 0;
  #offset = 0;

  constructor(
    source: TokenSource,
    { documents = 'separate', epochs = Number.POSITIVE_INFINITY, ...options }: TokenLoaderOptions,
  ) {
    const op = 'TokenLoader';
    checkWhole(op, 'batchSize', options.batchSize);
    checkWhole(op, 'seqLen', options.seqLen);
    checkWhole(op, 'batchSize * seqLen', options.batchSize * options.seqLen);
    checkWhole(op, 'seed', options.seed, Number.MIN_SAFE_INTEGER);
    checkChoice(op, 'documents', documents, documentModes);
    if (epochs !== Number.POSITIVE_INFINITY) checkWhole(op, 'epochs', epochs);
    this.#source = source;
    this.#options = { ...options, documents, epochs };
    this.#units = new Units(source, documents, options.seqLen);
    checkPredictable(op, this.#units);
    this.#order = this.#orderOf(0);
  }

  /** Batches in one epoch, the last one counted in part. */
  get batchesPerEpoch(): number {
    const { documents, batchSize, seqLen } = this.#options;
    return predictions(this.#source, documents) / (batchSize * seqLen);
  }

  /**
   * The next batch, or undefined after the last epoch. Calls must not overlap.
   *
   * @throws DataError what `source.read` throws; the loader then stays where it was.
   */
  async next(): Promise<TokenBatch | undefined> {
    const { batchSize, seqLen, epochs } = this.#options;
    const budget = batchSize * seqLen;
    const epoch = this.#epoch;
    const runs: Unit[] = [];
    // The position moves only when the batch is complete: a failed read leaves the loader where it was.
    const position = { epoch, unit: this.#unit, offset: this.#offset, order: this.#order };
    for (let filled = 0; filled < budget && position.epoch < epochs; ) {
      const unit = this.#units.at(position.order(position.unit));
      const length = Math.min(unit.length - position.offset, budget - filled);
      runs.push({ start: unit.start + position.offset, length });
      filled += length;
      position.offset += length;
      if (position.offset < unit.length) continue;
      position.offset = 0;
      position.unit += 1;
      if (position.unit < this.#units.count) continue;
      position.unit = 0;
      position.epoch += 1;
      position.order = this.#orderOf(position.epoch);
    }
    if (runs.length === 0) return undefined;
    const batch = await readBatch(this.#source, runs, epoch);
    this.#epoch = position.epoch;
    this.#unit = position.unit;
    this.#offset = position.offset;
    this.#order = position.order;
    return batch;
  }

  /** `for await (const batch of loader)`: from the current position to the end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TokenBatch, void, undefined> {
    for (let batch = await this.next(); batch; batch = await this.next()) yield batch;
  }

  /** The position before the next batch. */
  state(): TokenLoaderState {
    const { seed, batchSize, seqLen, documents } = this.#options;
    return {
      version: 1,
      fingerprint: this.#source.fingerprint,
      seed,
      batchSize,
      seqLen,
      documents,
      epoch: this.#epoch,
      unit: this.#unit,
      offset: this.#offset,
    };
  }

  /**
   * Goes to a saved position. `epochs` is not part of it and may differ.
   *
   * @throws DataError `invalid_state` if it is malformed or comes from other data, another seed or
   * other sizes: the batches would silently differ from those of the interrupted run.
   */
  load(state: unknown): void {
    const parsed = stateSchema.safeParse(state);
    if (!parsed.success) {
      throw new DataError(
        'invalid_state',
        `[TokenLoader.load] expected a state from state(), got: ${z.prettifyError(parsed.error)}`,
      );
    }
    const saved = parsed.data;
    const own = this.state();
    for (const key of ['fingerprint', 'seed', 'batchSize', 'seqLen', 'documents'] as const) {
      if (saved[key] !== own[key]) {
        throw new DataError(
          'invalid_state',
          `[TokenLoader.load] expected ${key} ${own[key]}, got ${saved[key]}; resume with the data and settings of the interrupted run`,
        );
      }
    }
    const order = this.#orderOf(saved.epoch);
    if (saved.unit >= this.#units.count || saved.offset >= this.#units.at(order(saved.unit)).length) {
      throw new DataError(
        'invalid_state',
        `[TokenLoader.load] expected a position inside the data, got unit ${saved.unit}, offset ${saved.offset}`,
      );
    }
    this.#epoch = saved.epoch;
    this.#unit = saved.unit;
    this.#offset = saved.offset;
    this.#order = order;
  }

  #orderOf(epoch: number): (index: number) => number {
    return permutation({ seed: this.#options.seed, epoch, size: this.#units.count });
  }
}

function predictions(source: TokenSource, mode: DocumentMode): number {
  return source.tokenCount - (mode === 'joined' ? 1 : source.documentCount);
}
