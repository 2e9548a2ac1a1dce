import type { AttentionLayout, Compute, Tensor } from '@tessera-llm/tensor';
import type { PassPlans } from './pass-plans';

/** Keys and values of one forward pass on their way into a cache. */
export interface CacheStep {
  /** Where each segment's keys lie in what `update` returns: earlier ones and this pass's. */
  readonly layout: AttentionLayout;
  /** Row of the stores that each row of the pass is written to (N): the very array that `update` passes on. */
  readonly rows: Int32Array;
  /**
   * Writes this pass's keys and values of a layer, (N, Hkv, D) each, and gives that layer's whole stores (R, Hkv, D)
   * for `attention`. The stores belong to the cache: don't dispose them.
   *
   * @throws LayersError `cache` for a layer that the cache lacks, `shape`
   */
  update(layer: number, k: Tensor, v: Tensor): { readonly k: Tensor; readonly v: Tensor };
  /** Makes the new rows count; a pass that throws before leaves the lengths as they were. */
  commit(): void;
}

/** Rows of one forward pass, by segment. */
export interface CacheRows {
  /** (B) */
  readonly slots: Int32Array;
  /** (B+1) */
  readonly offsets: Int32Array;
}

/** What a cache holds of a token: keys and values of (Hkv, D) for each layer. */
export interface CacheShape {
  readonly layers: number;
  /** Hkv */
  readonly numKeyValueHeads: number;
  /** D */
  readonly headDim: number;
  /** float32 compute stores float32, bfloat16 compute the bfloat16 bits that attention multiplies. */
  readonly compute: Compute;
}

/**
 * Keys and values of sequences whose tokens come in several calls. A model hands it each layer's new keys and values
 * and never sees where they lie. In-place writes: use it outside of gradients.
 */
export interface KVCache {
  readonly shape: CacheShape;
  /** Recorded passes, which `dispose` gives back; without them every pass runs its layers' JavaScript. */
  readonly plans?: PassPlans;
  /**
   * A free slot for a sequence of at most `maxLength` tokens. The length is declared here because some rotary scalings
   * depend on it, and must not change while the sequence grows.
   *
   * @throws LayersError `value` for a length that is not a whole number from 1. Whether there is room shows in `begin`.
   */
  allocate(maxLength: number): number;
  /** Tokens that the slot holds. @throws LayersError `cache` for a slot that is not allocated. */
  length(slot: number): number;
  /** The length declared by `allocate`. @throws LayersError `cache` for a slot that is not allocated. */
  maxLength(slot: number): number;
  /**
   * Starts a forward pass: reserves room for its rows.
   *
   * @throws LayersError `cache_full` for more tokens than a slot declares or the cache has room for; `cache` for a slot
   *   that is not allocated or comes twice.
   */
  begin(rows: CacheRows): CacheStep;
  /**
   * Forgets all tokens of a slot from `length` on (rejected drafts, changed prompts).
   *
   * @throws LayersError `cache` for a slot that is not allocated or holds fewer tokens; `value`
   */
  truncate(slot: number, length: number): void;
  /** Gives a slot back. @throws LayersError `cache` for one that is not allocated. */
  free(slot: number): void;
  /** Bytes of the stores. */
  readonly byteLength: number;
  /** Gives the memory back. */
  dispose(): void;
}
