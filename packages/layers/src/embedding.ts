import {
  type QuantizedWeight,
  type Tensor,
  cast,
  embedding,
  isQuantizedWeight,
  quantizedRows,
} from '@tessera-llm/tensor';
import { LayersError, checkCount } from './errors';
import type { Init } from './init';
import { Module } from './module';

/** Settings of Embedding. */
export interface EmbeddingOptions {
  readonly init: Init;
  /** Standard deviation of the new table; default: the initializer's. */
  readonly std?: number;
  /**
   * A row that stands for padding: it starts as zeros and its lookups give it no gradient, as in PyTorch; -1 is the
   * last one. Default null: none.
   */
  readonly paddingIdx?: number | null;
}

/**
 * A table of vectors: row n of the result is row ids[n] of `weight` (V, C). Also the learned positions of GPT-2.
 * The table may be quantised (`setWeight`): rows are dequantised as they are looked up.
 *
 * @example
 * ```ts
 * import { Embedding, initializer } from '@tessera-llm/layers';
 * const tokens = new Embedding(100, 8, { init: initializer({ seed: 1 }) });
 * console.log(tokens.forward(new Int32Array([3, 99])).shape); // [2, 8]
 * ```
 */
export class Embedding extends Module {
  readonly weight: Tensor | QuantizedWeight; // (V, C)

  readonly #padding: { readonly paddingIdx?: number };

  /** @throws LayersError `value` for sizes that are no counts, or a padding row outside the table. */
  constructor(count: number, width: number, { init, std, paddingIdx = null }: EmbeddingOptions) {
    super();
    checkCount('Embedding', 'count', count);
    checkCount('Embedding', 'width', width);
    if (paddingIdx !== null && !(Number.isInteger(paddingIdx) && paddingIdx >= -count && paddingIdx < count)) {
      throw new LayersError(
        'value',
        `[Embedding] expected paddingIdx from ${-count} to ${count - 1} or null, got ${paddingIdx}`,
      );
    }
    this.#padding = paddingIdx === null ? {} : { paddingIdx };
    const zeroRow = paddingIdx !== null && paddingIdx < 0 ? count + paddingIdx : paddingIdx;
    this.weight = init.matrix([count, width], std, { zeroRow });
  }

  /**
   * @param ids (N), each from 0 to V-1.
   * @returns (N, C) float32.
   * @throws LayersError `token_out_of_range`
   */
  forward(ids: Int32Array): Tensor {
    checkIds('Embedding', ids, this.weight.shape[0] ?? 0);
    if (isQuantizedWeight(this.weight)) return quantizedRows(this.weight, ids);
    const rows = embedding(this.weight, ids, this.#padding);
    // The residual stream is float32 whatever the table is stored in.
    return rows.dtype === 'float32' ? rows : cast(rows, 'float32');
  }

  protected override takesQuantized(name: string): boolean {
    return name === 'weight';
  }
}

/** @internal Throws `token_out_of_range` for the first id outside 0 … count-1. */
export function checkIds(where: string, ids: Int32Array, count: number): void {
  for (let n = 0; n < ids.length; n++) {
    const id = ids[n] ?? 0;
    if (id < 0 || id >= count) {
      throw new LayersError(
        'token_out_of_range',
        `[${where}] expected token ids from 0 to ${count - 1}, got ${id} at row ${n}; ` +
          'does the tokenizer belong to this model?',
      );
    }
  }
}
