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

/** Which slot, and how much, a sequence takes in a cache. */
export interface CacheShape {
  readonly layers: number;
  readonly numKeyValueHeads: number;
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
   * @throws LayersError `cache_full`
   */
  allocate(maxLength: number): number;
  /** Tokens that the slot holds. @throws LayersError `cache` for a slot that is not allocated. */
  length(slot: number): number;
  /** The length declared by `allocate`. */
  maxLength(slot: number): number;
  /** Starts a forward pass: reserves room for its rows. @throws LayersError `cache_full`, `cache`. */
  begin(rows: CacheRows): CacheStep;
  /** Forgets all tokens of a slot from `length` on (rejected drafts, changed prompts). */
  truncate(slot: number, length: number): void;
  /** Gives a slot back. */
  free(slot: number): void;
  /** Bytes of the stores. */
  readonly byteLength: number;
  /** Gives the memory back. */
  dispose(): void;
}
