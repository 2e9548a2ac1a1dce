import { z } from 'zod';
import { checkChoice, checkWhole, DataError } from './errors.js';
import { permutation } from './permutation.js';
import type { TokenSource } from './token-source.js';
import { type DocumentMode, documentModes, type Unit, Units } from './units.js';

/**
 * A packed batch of N tokens in S segments. Attention stays within a segment; every position has a
 * label, so there is nothing to ignore and no padding.
 */
export interface TokenBatch {
  /** (N,) input token ids. */
  readonly ids: Int32Array;
  /** (S + 1,) segment s holds rows `offsets[s]` up to `offsets[s + 1]`. */
  readonly offsets: Int32Array;
  /** (N,) position of each token in its segment, from 0. */
  readonly positions: Int32Array;
  /** (N,) the token that follows each input in its document. */
  readonly labels: Int32Array;
  /** The epoch, from 0, that the batch's first token belongs to. */
  readonly epoch: number;
}

/** Options of {@link TokenLoader}. */
export interface TokenLoaderOptions {
  /** Rows of `seqLen` tokens in a batch: N = batchSize * seqLen. */
  readonly batchSize: number;
  /** The longest segment, at most the model's context. */
  readonly seqLen: number;
  /** The order of every epoch is a function of it alone. */
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
 * @throws DataError `invalid_argument`; `empty_corpus` if no document has two tokens.
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

  /** The next batch, or undefined after the last epoch. Calls must not overlap. */
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
   * Goes to a saved position.
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

/**
 * One pass in file order for validation: each document in windows of `seqLen` tokens from its start,
 * whole windows only, at most batchSize * seqLen tokens in a batch. The same batches every time.
 *
 * @throws DataError `invalid_argument`, `empty_corpus`
 */
export async function* validationBatches(
  source: TokenSource,
  { batchSize, seqLen, documents = 'separate' }: Pick<TokenLoaderOptions, 'batchSize' | 'seqLen' | 'documents'>,
): AsyncGenerator<TokenBatch, void, undefined> {
  const op = 'validationBatches';
  checkWhole(op, 'batchSize', batchSize);
  checkWhole(op, 'seqLen', seqLen);
  checkChoice(op, 'documents', documents, documentModes);
  const units = new Units(source, documents, seqLen);
  checkPredictable(op, units);
  let runs: Unit[] = [];
  let filled = 0;
  for (let index = 0; index < units.count; index++) {
    const unit = units.at(index);
    if (filled + unit.length > batchSize * seqLen) {
      yield await readBatch(source, runs, 0);
      runs = [];
      filled = 0;
    }
    runs.push(unit);
    filled += unit.length;
  }
  yield await readBatch(source, runs, 0);
}

async function readBatch(source: TokenSource, runs: readonly Unit[], epoch: number): Promise<TokenBatch> {
  const offsets = new Int32Array(runs.length + 1);
  for (const [s, { length }] of runs.entries()) offsets[s + 1] = (offsets[s] ?? 0) + length;
  const total = offsets.at(-1) ?? 0;
  const ids = new Int32Array(total);
  const labels = new Int32Array(total);
  const positions = new Int32Array(total);
  for (const [s, { start, length }] of runs.entries()) {
    const tokens = new Int32Array(length + 1);
    await source.read(start, tokens);
    const at = offsets[s] ?? 0;
    ids.set(tokens.subarray(0, length), at);
    labels.set(tokens.subarray(1), at);
    for (let i = 0; i < length; i++) positions[at + i] = i;
  }
  return { ids, offsets, positions, labels, epoch };
}

function predictions(source: TokenSource, mode: DocumentMode): number {
  return source.tokenCount - (mode === 'joined' ? 1 : source.documentCount);
}

function checkPredictable(op: string, units: Units): void {
  if (units.count === 0) {
    throw new DataError(
      'empty_corpus',
      `[${op}] expected a document of at least two tokens, got none: there is nothing to predict`,
    );
  }
}
