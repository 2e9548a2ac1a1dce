import type { Segments } from '../batch';
import { LayersError } from '../errors';
import { structureChanged } from '../structure';

/** Rows of a batch whose segments use different adapters. */
export interface RowGroups {
  /** (N) rows sorted by adapter, and where each one went; null: they are sorted already. */
  readonly moved: { readonly order: Int32Array; readonly back: Int32Array } | null;
  /** One run of the sorted rows for each adapter; -1: none. */
  readonly parts: readonly { readonly index: number; readonly start: number; readonly length: number }[];
}

/** Which adapters a model has, and which rows of a batch use which. Shared by the model's layers. */
export class AdapterSlots {
  readonly #used: boolean[] = [];
  /** The adapter that is part of the weights now. */
  #merged: number | null = null;
  readonly #groups = new WeakMap<Segments, RowGroups>();

  /** The lowest free index, taken. */
  take(): number {
    if (this.#merged !== null) throw mergedError(`another one while adapter ${this.#merged}`);
    const free = this.#used.findIndex((used) => !used);
    const index = free < 0 ? this.#used.length : free;
    this.#used[index] = true;
    structureChanged();
    return index;
  }

  free(index: number): void {
    this.#used[index] = false;
    structureChanged();
  }

  /** Number of adapters. */
  get count(): number {
    return this.#used.filter(Boolean).length;
  }

  /** Says that an adapter is part of the weights, or that none is. */
  setMerged(index: number | null): void {
    if (index !== null && this.count > 1) {
      throw new LayersError(
        'adapter',
        `[adapter] expected no other adapter while one is merged, got ${this.count}; remove the others first`,
      );
    }
    this.#merged = index;
    structureChanged();
  }

  /** The adapter of all rows (-1: nothing is to be added), or the rows by adapter. */
  resolve(segments: Segments | undefined): number | RowGroups {
    const wanted = segments?.adapters;
    if (wanted === undefined) return this.#merged === null ? this.#only() : -1;
    for (const index of wanted) {
      if (index !== -1 && this.#used[index] !== true) {
        throw new LayersError('adapter', `[adapter] expected indices of applied adapters or -1, got ${index}`);
      }
      if (this.#merged !== null && index !== this.#merged) throw mergedError(`a segment with ${index} while it`);
    }
    if (this.#merged !== null) return -1;
    const first = wanted[0] ?? -1;
    if (segments === undefined || wanted.every((index) => index === first)) return first;
    const known = this.#groups.get(segments);
    if (known !== undefined) return known;
    const groups = groupRows(segments.offsets, wanted);
    this.#groups.set(segments, groups);
    return groups;
  }

  #only(): number {
    if (this.count === 1) return this.#used.indexOf(true);
    throw new LayersError(
      'adapter',
      `[adapter] expected adapters in the batch, an index for each segment, because the model has ${this.count} adapters; got none`,
    );
  }
}

function mergedError(got: string): LayersError {
  return new LayersError('adapter', `[adapter] expected unmerge() first, got ${got} is part of the weights`);
}

function groupRows(offsets: Int32Array, adapters: Int32Array): RowGroups {
  const rows = offsets[offsets.length - 1] ?? 0;
  const order = new Int32Array(rows);
  const parts: RowGroups['parts'][number][] = [];
  let at = 0;
  for (const index of [...new Set(adapters)].sort((p, q) => p - q)) {
    const start = at;
    for (let b = 0; b < adapters.length; b++) {
      if (adapters[b] !== index) continue;
      for (let n = offsets[b] ?? 0; n < (offsets[b + 1] ?? 0); n++) order[at++] = n;
    }
    if (at > start) parts.push({ index, start, length: at - start });
  }
  if (order.every((row, i) => row === i)) return { moved: null, parts };
  const back = new Int32Array(rows);
  order.forEach((row, i) => {
    back[row] = i;
  });
  return { moved: { order, back }, parts };
}
