import { type Batch, type BatchExtras, whole } from './batch';
import { LayersError } from './errors';

/** A batch made from padded rows, and where its rows came from. */
export interface UnpaddedBatch {
  readonly batch: Batch;
  /** For every row of the batch its place b * T + t in the padded input: (N). */
  readonly rows: Int32Array;
}

/** Settings of `batchFromPadded`. */
export interface PaddedOptions extends BatchExtras {
  /**
   * (B, T) explicit positions, whole numbers also under padding; default: counted from the first real token of each
   * row.
   */
  readonly padPositions?: readonly ArrayLike<number>[];
}

/**
 * Takes the padding out of (B, T) input, on the host, before anything is uploaded: a batch has real tokens only.
 *
 * @param ids B rows of T token ids.
 * @param mask B rows of T ones (real tokens) and zeros (padding); the ones of a row stand together, left or right.
 * Default: all ones.
 * @throws LayersError `shape` for rows of unequal length, `value` for a mask of anything but one run of ones per row
 * and for ids and positions that are not whole numbers of 32 bits.
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
