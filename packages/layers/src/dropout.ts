import { type Tensor, add, dropout, hash32 } from '@tessera-llm/tensor';
import type { Segments } from './batch';
import { LayersError } from './errors';
import { Module } from './module';

/**
 * Zeroes elements with probability p and scales the others by 1 / (1 - p), in training mode only.
 *
 * What is dropped is a function of (seed, step, module path, sample, position): recomputing under `checkpoint`, another
 * micro-batch size or another thread count drops the same elements (Srivastava et al. 2014, "Dropout").
 *
 * @throws LayersError `value` for a probability outside [0, 1).
 *
 * @example
 * ```ts
 * import { Dropout, batchFromSequences } from '@tessera-llm/layers';
 * import { tensor } from '@tessera-llm/tensor';
 * const drop = new Dropout(0.5).train();
 * const rng = { seed: 1, step: 0, sampleIds: new Int32Array([0]) };
 * console.log(drop.forward(tensor([[1, 1, 1, 1]]), batchFromSequences([[5]], { rng })).shape); // [1, 4]
 * ```
 */
export class Dropout extends Module {
  readonly #p: number;

  constructor(p: number) {
    super();
    if (!(p >= 0 && p < 1)) {
      throw new LayersError('value', `[Dropout] expected a probability from 0 to below 1, got ${p}`);
    }
    this.#p = p;
  }

  /** True if `forward` changes anything now. */
  get active(): boolean {
    return this.training && this.#p > 0;
  }

  /**
   * @param x (N, C), one row for each row of the batch.
   * @param part Tells several uses in one module apart, for example attention heads.
   * @throws LayersError `value` in training mode without `rng` in the batch.
   */
  forward(x: Tensor, segments: Segments, part = 0): Tensor {
    return this.active ? this.drop(x, segments, rowKeys(segments), part) : x;
  }

  /** x + forward(branch): where nothing is dropped the branch's last product adds x (N, C) itself. */
  addTo(x: Tensor, segments: Segments, branch: (residual: Tensor | null) => Tensor): Tensor {
    return this.active ? add(x, this.forward(branch(null), segments)) : branch(x);
  }

  /** As `forward` in training mode, for rows with their own (sample, position) keys (2N). */
  drop(x: Tensor, { rng }: Segments, keys: Int32Array, part: number): Tensor {
    if (rng === undefined) throw missingRng();
    const stream = hash32(`${rng.step}/${this.path}/${part}`);
    return dropout(x, { p: this.#p, seed: rng.seed, stream, rowKeys: keys });
  }
}

/** @internal */
export function missingRng(): LayersError {
  return new LayersError(
    'value',
    '[Dropout] expected rng {seed, step, sampleIds} in the batch in training mode, got none; call eval() for inference',
  );
}

/** @internal (sample, position) of every row: (2N). */
export function rowKeys({ rng, offsets, positions }: Segments): Int32Array {
  if (rng === undefined) throw missingRng();
  const keys = new Int32Array(2 * positions.length);
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let n = offsets[b] ?? 0; n < (offsets[b + 1] ?? 0); n++) {
      keys[2 * n] = rng.sampleIds[b] ?? 0;
      keys[2 * n + 1] = positions[n] ?? 0;
    }
  }
  return keys;
}
