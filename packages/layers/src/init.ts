import { type Tensor, full, normal, parameter, zeros } from '@tessera-llm/tensor';
import type { Weight } from './weight';

/** Makes the parameters of new layers. */
export interface Init {
  /** Normal with mean 0 and the given standard deviation (default: the initializer's). */
  normal(shape: readonly number[], std?: number): Tensor;
  /** A matrix (rows, columns) of Linear or Embedding, which may be quantised; the values of `normal`. */
  matrix(shape: readonly number[], std?: number): Weight;
  /** A constant. */
  constant(shape: readonly number[], value: number): Tensor;
}

/** Settings of `initializer`. */
export interface InitializerOptions {
  /** The same seed gives the same weights on every backend. */
  readonly seed: number | bigint;
  /** Standard deviation of weight matrices; 0.02 as in GPT-2 and Llama. */
  readonly std?: number;
}

/**
 * Random weights. The parameter made i-th comes from stream i of the seed, so the weights of a model depend on its
 * seed and its architecture only.
 *
 * @example
 * ```ts
 * import { Linear, initializer } from '@tessera-llm/layers';
 * const init = initializer({ seed: 1, std: 0.05 });
 * const a = new Linear(4, 3, { init });
 * const b = new Linear(4, 3, { init }); // other weights than a
 * console.log(a.weight.shape, b.weight.shape);
 * ```
 */
export function initializer({ seed, std = 0.02 }: InitializerOptions): Init {
  let stream = 0;
  const draw = (shape: readonly number[], own = std) => parameter(normal(shape, { seed, stream: stream++, std: own }));
  return {
    normal: draw,
    matrix: draw,
    constant: (shape, value) => parameter(full(shape, value)),
  };
}

/** Zeros everywhere: for modules whose weights are loaded next. */
export function blank(): Init {
  const make = (shape: readonly number[]) => parameter(zeros(shape));
  return { normal: make, matrix: make, constant: make };
}
