import type { Tensor } from '@tessera-llm/tensor';
import type { KVCache } from './cache';
import { isApplied } from './adapters/applied';
import { LayersError } from './errors';

/** Keys of dropout: the same (seed, step, module, sample, position) drops the same elements, however rows are batched. */
export interface BatchRng {
  readonly seed: number | bigint;
  /** Optimizer step; another step drops other elements. */
  readonly step: number;
  /** A number for each segment (B) that identifies its sample in the run. */
  readonly sampleIds: Int32Array;
}

/**
 * What a forward pass shall record beside its result. The arrays are filled by the model; what they hold takes part in
 * gradients, and asking changes no bit of the result.
 */
export interface Capture {
  /** Input of layer 0, …, output of layer L-2, and the output of the last layer after the final norm: L+1 of (N, C). */
  readonly hiddenStates?: Tensor[];
  /** Attention weights by layer and segment, (H, Tq, Tk) each: entry layer * B + segment. Memory grows with T². */
  readonly attentions?: Tensor[];
}

/** Cache of a batch: which slot each segment continues. */
export interface BatchCache {
  readonly store: KVCache;
  /** (B), no slot twice. */
  readonly slots: Int32Array;
}

/** Rows of B segments laid end to end: segment b is rows offsets[b] … offsets[b+1]-1. All host arrays. */
export interface Segments {
  /** (B+1), from 0 to N, ascending. */
  readonly offsets: Int32Array;
  /** Position of every row in its document (N): what learned and rotary positions see. */
  readonly positions: Int32Array;
  readonly cache?: BatchCache;
  readonly rng?: BatchRng;
  readonly capture?: Capture;
  /** Index of the adapter that each segment uses (B), as `applyAdapter` gives it; -1: none. Default: the only one. */
  readonly adapters?: Int32Array;
  /**
   * Declared maximum length of each segment's document (B), for rotary scalings that depend on length.
   * Default: what the cache declares for the slot, else the segment's own length.
   */
  readonly maxLengths?: Int32Array;
  /** Largest position of the call + 1 as transformers counts it, padding included; read under `compat: 'hf'` only. */
  readonly callLength?: number;
}

/** Ragged input of a model: segments of token ids. Padding never appears in it. */
export interface Batch extends Segments {
  /** (N) */
  readonly ids: Int32Array;
  /** (N), for models that have token types. */
  readonly tokenTypes?: Int32Array;
}

/** What may be set beside the ids when a batch is made. */
export type BatchExtras = Omit<Batch, 'ids' | 'offsets' | 'positions' | 'callLength'>;

/**
 * A batch of whole sequences (prompts, training documents), or of the next rows of cached ones: positions count from 0,
 * or from what the cache holds of the slot.
 *
 * @param sequences B lists of token ids; none may be empty.
 * @throws LayersError `value` for no sequence or an empty one.
 *
 * @example
 * ```ts
 * import { batchFromSequences } from '@tessera-llm/layers';
 * const batch = batchFromSequences([[5, 6, 7], [8, 9]]);
 * console.log(batch.offsets, batch.positions); // [0, 3, 5], [0, 1, 2, 0, 1]
 * ```
 */
export function batchFromSequences(sequences: readonly ArrayLike<number>[], extras: BatchExtras = {}): Batch {
  if (sequences.length === 0) {
    throw new LayersError('value', '[batchFromSequences] expected at least one sequence, got none');
  }
  const offsets = new Int32Array(sequences.length + 1);
  sequences.forEach((sequence, b) => {
    if (sequence.length === 0) {
      throw new LayersError(
        'value',
        `[batchFromSequences] expected at least one token id in every sequence, got none in sequence ${b}; ` +
          'an empty prompt needs a beginning-of-sequence token',
      );
    }
    offsets[b + 1] = (offsets[b] ?? 0) + sequence.length;
  });
  const total = offsets[sequences.length] ?? 0;
  const ids = new Int32Array(total);
  const positions = new Int32Array(total);
  sequences.forEach((sequence, b) => {
    const start = offsets[b] ?? 0;
    const held = extras.cache?.store.length(extras.cache.slots[b] ?? -1) ?? 0;
    for (let t = 0; t < sequence.length; t++) {
      ids[start + t] = whole('token ids', sequence[t], b, t);
      positions[start + t] = held + t;
    }
  });
  return { ...extras, ids, offsets, positions };
}

/** A batch made from padded rows, and where its rows came from. */
export interface UnpaddedBatch {
  readonly batch: Batch;
  /** For every row of the batch its place b * T + t in the padded input: (N). */
  readonly rows: Int32Array;
}

/** Settings of `batchFromPadded`. */
export interface PaddedOptions extends BatchExtras {
  /** (B, T) explicit positions, whole numbers also under padding; default: counted from the first real token of each row. */
  readonly padPositions?: readonly ArrayLike<number>[];
}

/**
 * Takes the padding out of (B, T) input, on the host, before anything is uploaded.
 *
 * @param ids B rows of T token ids.
 * @param mask B rows of T ones (real tokens) and zeros (padding); the ones of a row stand together, left or right.
 * Default: all ones.
 * @throws LayersError `shape` for rows of unequal length, `value` for a mask of anything but one run of ones per row and
 * for ids and positions that are not whole numbers of 32 bits.
 *
 * @example
 * ```ts
 * import { batchFromPadded } from '@tessera-llm/layers';
 * const { batch, rows } = batchFromPadded([[0, 0, 7], [4, 5, 6]], [[0, 0, 1], [1, 1, 1]]);
 * console.log(batch.ids, batch.offsets, rows); // [7, 4, 5, 6], [0, 1, 4], [2, 3, 4, 5]
 * ```
 */
export function batchFromPadded(
  ids: readonly ArrayLike<number>[],
  mask?: readonly ArrayLike<number>[],
  options: PaddedOptions = {},
): UnpaddedBatch {
  const { padPositions, ...extras } = options;
  const width = ids[0]?.length ?? 0;
  if (width === 0) {
    throw new LayersError('shape', '[batchFromPadded] expected (B, T) token ids with B and T above 0');
  }
  checkMatrix('ids', ids, ids.length, width);
  if (mask !== undefined) checkMatrix('mask', mask, ids.length, width);
  if (padPositions !== undefined) checkMatrix('padPositions', padPositions, ids.length, width);
  padPositions?.forEach((row, b) => {
    for (let t = 0; t < width; t++) whole('positions', row[t], b, t);
  });

  const kept: number[] = [];
  const rows: number[] = [];
  const positions: number[] = [];
  const offsets = new Int32Array(ids.length + 1);
  let rightPadded = true;
  ids.forEach((row, b) => {
    const [start, end] = maskRun(mask?.[b], width, b);
    if (start > 0) rightPadded = false;
    for (let t = start; t < end; t++) {
      kept.push(whole('token ids', row[t], b, t));
      rows.push(b * width + t);
      positions.push(padPositions?.[b]?.[t] ?? t - start);
    }
    offsets[b + 1] = kept.length;
  });
  const batch: Batch = {
    ...extras,
    ids: Int32Array.from(kept),
    offsets,
    positions: Int32Array.from(positions),
    callLength: callLengthOf(padPositions, positions, rightPadded ? width : 0),
  };
  return { batch, rows: Int32Array.from(rows) };
}

/** transformers counts padding: default positions run over the whole width, explicit ones over every entry. */
function callLengthOf(
  padPositions: readonly ArrayLike<number>[] | undefined,
  positions: readonly number[],
  atLeast: number,
): number {
  let last = -1;
  for (const p of positions) last = Math.max(last, p);
  if (padPositions === undefined) return Math.max(atLeast, last + 1);
  for (const row of padPositions) for (const p of Array.from(row)) last = Math.max(last, p);
  return last + 1;
}

function checkMatrix(name: string, matrix: readonly ArrayLike<number>[], height: number, width: number): void {
  if (matrix.length !== height) {
    throw new LayersError(
      'shape',
      `[batchFromPadded] expected ${name} of ${height} rows as ids has, got ${matrix.length}`,
    );
  }
  matrix.forEach((row, b) => {
    if (row.length !== width) {
      throw new LayersError(
        'shape',
        `[batchFromPadded] expected every row of ${name} to have ${width} entries, got ${row.length} in row ${b}; ` +
          'sequences of different lengths go through batchFromSequences',
      );
    }
  });
}

function maskRun(mask: ArrayLike<number> | undefined, width: number, b: number): [number, number] {
  if (mask === undefined) return [0, width];
  let start = -1;
  let end = -1;
  for (let t = 0; t < width; t++) {
    const m = mask[t];
    if (m !== 0 && m !== 1) {
      throw new LayersError(
        'value',
        `[batchFromPadded] expected a mask of zeros and ones, got ${m} at row ${b}, column ${t}`,
      );
    }
    if (m === 0) continue;
    if (start < 0) start = t;
    else if (end !== t) {
      throw new LayersError(
        'value',
        `[batchFromPadded] expected one run of ones in row ${b} of the mask, got a gap before column ${t}`,
      );
    }
    end = t + 1;
  }
  if (start < 0) {
    throw new LayersError(
      'value',
      `[batchFromPadded] expected at least one real token in every row, row ${b} of the mask has none`,
    );
  }
  return [start, end];
}

function whole(what: string, n: number | undefined, b: number, t: number): number {
  // What int32 cannot hold would wrap to another token's id, or another position.
  if (typeof n !== 'number' || (n | 0) !== n) {
    throw new LayersError(
      'value',
      `[batch] expected whole numbers of 32 bits as ${what}, got ${typeof n === 'number' ? n : typeof n} at sequence ${b}, place ${t}`,
    );
  }
  return n;
}

/**
 * Checks the host arrays of a batch against each other.
 *
 * @throws LayersError `shape`, `value`, `position_out_of_range`, `adapter`
 */
export function checkSegments(segments: Segments, rows: number): void {
  const { offsets, positions, cache, rng, adapters, maxLengths } = segments;
  const count = offsets.length - 1;
  if (count < 1 || offsets[0] !== 0 || offsets[count] !== rows) {
    throw new LayersError(
      'shape',
      `[batch] expected offsets from 0 to the number of rows, ${rows}, got ${offsets[0]} to ${offsets[count]}`,
    );
  }
  for (let b = 0; b < count; b++) {
    if ((offsets[b + 1] ?? 0) < (offsets[b] ?? 0)) {
      throw new LayersError('value', `[batch] expected ascending offsets, segment ${b} ends before it starts`);
    }
  }
  const expectLength = (name: string, array: ArrayLike<unknown> | undefined, length: number): void => {
    if (array !== undefined && array.length !== length) {
      throw new LayersError('shape', `[batch] expected ${name} of length ${length}, got ${array.length}`);
    }
  };
  expectLength('positions', positions, rows);
  expectLength('cache.slots', cache?.slots, count);
  expectLength('rng.sampleIds', rng?.sampleIds, count);
  expectLength('adapters', adapters, count);
  expectLength('maxLengths', maxLengths, count);
  // A layer without adapters can't tell whether the others have the one that is asked for.
  const absent = adapters?.find((index) => index !== -1 && !isApplied(index));
  if (absent !== undefined) {
    throw new LayersError(
      'adapter',
      `[batch] expected indices of applied adapters or -1 in adapters, got ${absent}, which no model has; applyAdapter gives them`,
    );
  }
  const negative = positions.findIndex((p) => p < 0);
  if (negative >= 0) {
    throw new LayersError(
      'position_out_of_range',
      `[batch] expected positions of at least 0, got ${positions[negative]} at row ${negative}`,
    );
  }
}
