import type { Tensor } from '@tessera-llm/tensor';
import type { KVCache } from './cache';
import { isApplied } from './adapters/applied';
import { LayersError } from './errors';

/**
 * Keys of dropout: the same (seed, step, module, sample, position) drops the same elements, however rows are batched.
 */
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
  /** Slots that `store.allocate` gave (B), none twice. */
  readonly slots: Int32Array;
}

/** Rows of B segments laid end to end: segment b is rows offsets[b] … offsets[b+1]-1. All host arrays. */
export interface Segments {
  /** (B+1), from 0 to N, ascending. */
  readonly offsets: Int32Array;
  /** Position of every row in its document (N): what learned and rotary positions see. */
  readonly positions: Int32Array;
  /** Where earlier rows' keys and values are, and these rows' go; default: none, and each segment sees itself alone. */
  readonly cache?: BatchCache;
  /** Needed where dropout is active, which is in training mode only. */
  readonly rng?: BatchRng;
  /** Asks for hidden states and attention weights; default: neither. */
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
  /** Token ids (N). */
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
 * @throws LayersError `value` for no sequence, an empty one, and ids that are not whole numbers of 32 bits; `cache` for
 *   a slot that is not allocated.
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

/** @internal A whole number that int32 holds. */
export function whole(what: string, n: number | undefined, b: number, t: number): number {
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
 * Checks the host arrays of a batch against each other and against the number of rows N. `beginPass` does it for
 * models.
 *
 * @throws LayersError `shape` for offsets that don't run from 0 to N and arrays of other lengths, `value` for offsets
 *   that descend, `position_out_of_range` for a negative position, `adapter` for an index that no applied adapter has.
 *
 * @example
 * ```ts
 * import { LayersError, checkSegments } from '@tessera-llm/layers';
 * try {
 *   checkSegments({ offsets: new Int32Array([0, 2]), positions: new Int32Array([0, 1]) }, 3);
 * } catch (error) {
 *   console.log(error instanceof LayersError && error.code); // 'shape'
 * }
 * ```
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
