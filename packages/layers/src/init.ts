import {
  type Tensor,
  equal,
  full,
  maskedFill,
  noGrad,
  normal,
  parameter,
  scope,
  tensor,
  zeros,
} from '@tessera-llm/tensor';
import { LayersError } from './errors';
import type { Weight } from './weight';

/** Makes the parameters of new layers, float32; see `initializer`. */
export interface Init {
  /** Normal with mean 0 and the given standard deviation (default: the initializer's). */
  normal(shape: readonly number[], std?: number): Tensor;
  /**
   * A matrix (rows, columns) of Linear or Embedding, which may be quantised; the values of `normal`, but for `zeroRow`,
   * a row of zeros (null: none).
   */
  matrix(shape: readonly number[], std?: number, options?: { readonly zeroRow?: number | null }): Weight;
  /** A constant. */
  constant(shape: readonly number[], value: number): Tensor;
}

/** Settings of `initializer`. */
export interface InitializerOptions {
  /** A whole number from 0 to 2^53 - 1, or a bigint. The same seed gives the same weights on every backend. */
  readonly seed: number | bigint;
  /** Standard deviation of weight matrices; 0.02 as in GPT-2 and Llama. */
  readonly std?: number;
}

/**
 * Random weights. The parameter made i-th comes from stream i of the seed, so the weights of a model depend on its
 * seed and its architecture only.
 *
 * @throws LayersError `value` for a seed that is no such number, and a standard deviation that is negative or not
 *   finite.
 *
 * @example
 * ```ts
 * import { Linear, initializer } from '@tessera-llm/layers';
 * const init = initializer({ seed: 1, std: 0.05 });
 * const a = new Linear(4, 3, { init });
 * const b = new Linear(4, 3, { init }); // other weights than a
 * console.log(a.weight.shape, b.weight.shape); // [3, 4] [3, 4]
 * ```
 */
export function initializer({ seed, std = 0.02 }: InitializerOptions): Init {
  if (typeof seed !== 'bigint' && !(Number.isSafeInteger(seed) && seed >= 0)) {
    throw new LayersError(
      'value',
      `[initializer] expected seed to be a whole number from 0 to 2^53 - 1 or a bigint, got ${seed}`,
    );
  }
  checkStd(std);
  let stream = 0;
  const draw = (shape: readonly number[], own = std) => {
    checkStd(own);
    return parameter(normal(shape, { seed, stream: stream++, std: own }));
  };
  return {
    normal: draw,
    matrix: (shape, own, { zeroRow = null } = {}) => {
      const drawn = draw(shape, own);
      return zeroRow === null ? drawn : withZeros(drawn, zeroRow);
    },
    constant: (shape, value) => parameter(full(shape, value)),
  };
}

function withZeros(drawn: Tensor, row: number): Tensor {
  const rows = drawn.shape[0] ?? 0;
  const zeroed = noGrad(() =>
    scope(() => {
      const mask = tensor(
        Int32Array.from({ length: rows }, (_, i) => (i === row ? 1 : 0)),
        { shape: [rows, 1] },
      );
      return maskedFill(drawn, equal(mask, 1), 0);
    }),
  );
  drawn.dispose();
  return parameter(zeroed);
}

function checkStd(std: number): void {
  if (Number.isFinite(std) && std >= 0) return;
  throw new LayersError('value', `[initializer] expected a finite standard deviation of at least 0, got ${std}`);
}

/**
 * Zeros everywhere: for modules whose weights are loaded next.
 *
 * @example
 * ```ts
 * import { Linear, blank } from '@tessera-llm/layers';
 * import { tensor } from '@tessera-llm/tensor';
 * const layer = new Linear(2, 1, { init: blank() });
 * layer.load(new Map([['weight', tensor([[1, 2]])], ['bias', tensor([3])]]));
 * console.log(await layer.forward(tensor([[1, 1]])).data()); // [6]
 * ```
 */
export function blank(): Init {
  const make = (shape: readonly number[]) => parameter(zeros(shape));
  return { normal: make, matrix: make, constant: make };
}
