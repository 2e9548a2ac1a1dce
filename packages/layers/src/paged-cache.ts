import { type AttentionLayout, type Tensor, keep, writeRowsInPlace, zeros } from '@tessera-llm/tensor';
import type { CacheRows, CacheShape, CacheStep, KVCache } from './cache';
import { LayersError, checkCount } from './errors';
import { PassPlans } from './pass-plans';

/** The list of a batch's pages grows by this many. */
const pageRoom = 64;

/** Rows of a page. Attention walks keys in blocks of 64, so a page is a block and never splits one. */
const pageSize = 64;

interface Slot {
  length: number;
  readonly maxLength: number;
  readonly pages: number[];
}

/** Settings of PagedKVCache. */
export interface PagedKVCacheOptions extends CacheShape {
  /** Tokens over all slots; rounded up to whole pages of 64 rows. */
  readonly capacity: number;
}

/**
 * A KVCache in pages of 64 rows: a sequence takes pages as it grows and returns them when it is freed, so sequences of
 * any lengths share one store without gaps (Kwon et al. 2023, arXiv:2309.06180). All memory is taken at once: 2 layers
 * · rows · Hkv · D values of 4 bytes, or of 2 with bfloat16 compute.
 *
 * @throws LayersError `value` for sizes that are no counts.
 *
 * @example
 * ```ts
 * import { PagedKVCache } from '@tessera-llm/layers';
 * const cache = new PagedKVCache({ layers: 2, numKeyValueHeads: 1, headDim: 8, compute: 'float32', capacity: 256 });
 * const slot = cache.allocate(100);
 * console.log(cache.length(slot), cache.freePages); // 0 4
 * cache.dispose();
 * ```
 */
export class PagedKVCache implements KVCache {
  readonly shape: CacheShape;
  readonly plans = new PassPlans();
  readonly #keys: Tensor[] = []; // by layer, (R, Hkv, D)
  readonly #values: Tensor[] = [];
  readonly #free: number[] = [];
  readonly #slots = new Map<number, Slot>();
  #nextSlot = 0;

  constructor({ capacity, ...shape }: PagedKVCacheOptions) {
    checkCount('PagedKVCache', 'layers', shape.layers);
    checkCount('PagedKVCache', 'numKeyValueHeads', shape.numKeyValueHeads);
    checkCount('PagedKVCache', 'headDim', shape.headDim);
    checkCount('PagedKVCache', 'capacity', capacity);
    this.shape = shape;
    const pages = Math.ceil(capacity / pageSize);
    const dims = [pages * pageSize, shape.numKeyValueHeads, shape.headDim];
    for (let layer = 0; layer < shape.layers; layer++) {
      this.#keys.push(keep(zeros(dims, { dtype: shape.compute })));
      this.#values.push(keep(zeros(dims, { dtype: shape.compute })));
    }
    // The lowest page is taken first.
    for (let page = pages - 1; page >= 0; page--) this.#free.push(page);
  }

  /** Pages that no slot holds. */
  get freePages(): number {
    return this.#free.length;
  }

  get byteLength(): number {
    const width = this.shape.compute === 'float32' ? 4 : 2;
    return [...this.#keys, ...this.#values].reduce((sum, t) => sum + t.size * width, 0);
  }

  allocate(maxLength: number): number {
    checkCount('PagedKVCache', 'maxLength', maxLength);
    const slot = this.#nextSlot++;
    this.#slots.set(slot, { length: 0, maxLength, pages: [] });
    return slot;
  }

  length(slot: number): number {
    return this.#slot(slot).length;
  }

  maxLength(slot: number): number {
    return this.#slot(slot).maxLength;
  }

  begin({ slots, offsets }: CacheRows): CacheStep {
    const held = Array.from(slots, (slot) => this.#slot(slot));
    if (new Set(held).size !== held.length) {
      throw new LayersError('cache', '[PagedKVCache] expected every slot at most once in a batch');
    }
    const ends = held.map((slot, b) => slot.length + (offsets[b + 1] ?? 0) - (offsets[b] ?? 0));
    this.#reserve(held, ends);
    const layout = layoutOf(held, ends, offsets);
    const rows = newRows(held, offsets);
    return {
      layout,
      rows,
      update: (layer, k, v) => this.#update(layer, rows, k, v),
      commit: () => {
        held.forEach((slot, b) => {
          slot.length = ends[b] ?? slot.length;
        });
      },
    };
  }

  truncate(slot: number, length: number): void {
    const held = this.#slot(slot);
    checkCount('PagedKVCache', 'length', length, 0);
    if (length > held.length) {
      throw new LayersError(
        'cache',
        `[PagedKVCache] expected a length of at most ${held.length}, which slot ${slot} holds, got ${length}`,
      );
    }
    held.length = length;
    this.#free.push(...held.pages.splice(Math.ceil(length / pageSize)).reverse());
  }

  free(slot: number): void {
    this.truncate(slot, 0);
    this.#slots.delete(slot);
  }

  dispose(): void {
    this.plans.dispose();
    for (const t of [...this.#keys, ...this.#values]) t.dispose();
    this.#slots.clear();
    this.#free.length = 0;
  }

  #slot(slot: number): Slot {
    const held = this.#slots.get(slot);
    if (held === undefined) {
      throw new LayersError('cache', `[PagedKVCache] expected an allocated slot, got ${slot}; call allocate() first`);
    }
    return held;
  }

  #reserve(held: readonly Slot[], ends: readonly number[]): void {
    held.forEach((slot, b) => {
      const end = ends[b] ?? 0;
      if (end > slot.maxLength) {
        throw new LayersError(
          'cache_full',
          `[PagedKVCache] expected at most ${slot.maxLength} tokens, which the slot declares, got ${end}`,
        );
      }
    });
    const wanted = held.map((slot, b) => Math.ceil((ends[b] ?? 0) / pageSize) - slot.pages.length);
    const total = wanted.reduce((sum, n) => sum + Math.max(n, 0), 0);
    if (total > this.#free.length) {
      throw new LayersError(
        'cache_full',
        `[PagedKVCache] expected ${total} free pages of ${pageSize} tokens, got ${this.#free.length}; ` +
          'free finished slots or make the cache with more capacity',
      );
    }
    held.forEach((slot, b) => {
      for (let n = wanted[b] ?? 0; n > 0; n--) slot.pages.push(this.#free.pop() ?? 0);
    });
  }

  #update(layer: number, rows: Int32Array, k: Tensor, v: Tensor): { k: Tensor; v: Tensor } {
    const keys = this.#keys[layer];
    const values = this.#values[layer];
    if (keys === undefined || values === undefined) {
      throw new LayersError(
        'cache',
        `[PagedKVCache] expected a layer from 0 to ${this.shape.layers - 1}, got ${layer}; was the cache made for another model?`,
      );
    }
    const want = `${rows.length}, ${this.shape.numKeyValueHeads}, ${this.shape.headDim}`;
    for (const x of [k, v]) {
      if (x.shape.join(', ') !== want) {
        throw new LayersError(
          'shape',
          `[PagedKVCache] expected keys and values of shape (${want}), got (${x.shape.join(', ')})`,
        );
      }
    }
    writeRowsInPlace(keys, rows, k);
    writeRowsInPlace(values, rows, v);
    return { k: keys, v: values };
  }
}

function layoutOf(held: readonly Slot[], ends: readonly number[], queryOffsets: Int32Array): AttentionLayout {
  const pageOffsets = new Int32Array(held.length + 1);
  held.forEach((slot, b) => {
    pageOffsets[b + 1] = (pageOffsets[b] ?? 0) + slot.pages.length;
  });
  // Room for pages to come: passes whose arrays are of one length can share a plan. Nobody reads past the last offset.
  const pageRows = new Int32Array(Math.ceil((pageOffsets[held.length] ?? 0) / pageRoom) * pageRoom);
  pageRows.set(held.flatMap((slot) => slot.pages.map((page) => page * pageSize)));
  return {
    queryOffsets,
    queryStarts: Int32Array.from(held, (slot) => slot.length),
    keyLengths: Int32Array.from(ends),
    pageOffsets,
    pageRows,
    pageSize,
  };
}

/** Row of the stores for every row of the batch. */
function newRows(held: readonly Slot[], offsets: Int32Array): Int32Array {
  const rows = new Int32Array(offsets[held.length] ?? 0);
  held.forEach((slot, b) => {
    const start = offsets[b] ?? 0;
    for (let n = start; n < (offsets[b + 1] ?? 0); n++) {
      const place = slot.length + n - start;
      rows[n] = (slot.pages[Math.floor(place / pageSize)] ?? 0) * pageSize + (place % pageSize);
    }
  });
  return rows;
}
