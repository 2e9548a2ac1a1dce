import type { Backend, BinaryFn } from './backend/contract';
import { defaultBackend } from './backends';
import { TensorError } from './errors';
import { keyOf } from './random/key';
import { checkShape } from './shape';
import { kernelsOf } from './state';
import { type Tensor, wrap } from './tensor';

/** Settings of random tensors. */
export interface RandomOptions {
  /**
   * Key of the generator: an integer from 0 to below 2^53, or a bigint of 64 bits. The same seed gives the same values
   * on every backend and thread count.
   */
  readonly seed: number | bigint;
  /** Which of the 2^64 sequences of the seed; default 0. */
  readonly stream?: number | bigint;
  /** Default: the process's; see `setBackend`. */
  readonly backend?: Backend;
}

function random(kind: 'uniform' | 'normal', shape: readonly number[], options: RandomOptions): Tensor<'float32'> {
  checkShape(kind, shape);
  const backend = options.backend ?? defaultBackend();
  const key = keyOf(options.seed, options.stream ?? 0);
  return wrap(backend, kernelsOf(backend).random(kind, [...shape], key)) as Tensor<'float32'>;
}

/** The largest float32 below another. */
function before(value: number): number {
  const float = new Float32Array([value]);
  const bits = new Int32Array(float.buffer);
  if (float[0] === 0) return -(2 ** -149);
  bits[0] = (bits[0] as number) + ((float[0] as number) > 0 ? -1 : 1);
  return float[0] as number;
}

function affine(x: Tensor<'float32'>, scale: number, shift: number): Tensor<'float32'> {
  const scaled = scale === 1 ? x : combined('mul', x, scale);
  return shift === 0 ? scaled : combined('add', scaled, shift);
}

/** fn of x, which is disposed, and a number. */
function combined(fn: BinaryFn, x: Tensor<'float32'>, value: number): Tensor<'float32'> {
  const { backend } = x;
  const kernels = kernelsOf(backend);
  const scalar = wrap(backend, kernels.fill([], 'float32', value));
  const y = wrap(backend, kernels.binary(fn, x, scalar)) as Tensor<'float32'>;
  for (const t of [x, scalar]) t.dispose();
  return y;
}

/**
 * Uniform random numbers in [low, high), float32, from Philox 4x32-10; default from 0 to 1.
 *
 * @throws TensorError `value` unless low <= high, and for a seed or stream out of its range; `shape`.
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 *
 * @example
 * ```ts
 * import { uniform } from '@tessera-llm/tensor';
 * const x = uniform([2, 3], { seed: 1, low: -1, high: 1 });
 * console.log(x.shape); // [2, 3]
 * ```
 */
export function uniform(
  shape: readonly number[],
  options: RandomOptions & { readonly low?: number; readonly high?: number },
): Tensor<'float32'> {
  const { low = 0, high = 1 } = options;
  if (!(low <= high)) throw new TensorError('value', `[uniform] expected low <= high, got ${low} and ${high}`);
  const y = affine(random('uniform', shape, options), high - low, low);
  // Where the numbers from low on are coarser than those from 0 on, the last of them round up to high.
  return low === 0 || Math.fround(low) >= Math.fround(high) ? y : combined('minimum', y, before(high));
}

/**
 * Normal random numbers, float32: Philox 4x32-10 and Box-Muller; default mean 0 and std 1.
 *
 * @throws TensorError `value` for a seed or stream out of its range; `shape`.
 * @see Box and Muller 1958, "A note on the generation of random normal deviates".
 *
 * @example
 * ```ts
 * import { normal } from '@tessera-llm/tensor';
 * const w = normal([4, 4], { seed: 7, std: 0.02 });
 * console.log(w.dtype); // 'float32'
 * ```
 */
export function normal(
  shape: readonly number[],
  options: RandomOptions & { readonly mean?: number; readonly std?: number },
): Tensor<'float32'> {
  const { mean = 0, std = 1 } = options;
  return affine(random('normal', shape, options), std, mean);
}
