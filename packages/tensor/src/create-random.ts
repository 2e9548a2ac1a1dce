import type { Backend } from './backend/contract';
import { defaultBackend } from './backends';
import { keyOf } from './random/key';
import { checkShape } from './shape';
import { kernelsOf } from './state';
import { type Tensor, wrap } from './tensor';

/** Settings of random tensors. */
export interface RandomOptions {
  /** Key of the generator: an integer below 2^53, or a bigint of 64 bits. The same seed gives the same values on every backend and thread count. */
  readonly seed: number | bigint;
  /** Which of the 2^64 sequences of the seed; default 0. */
  readonly stream?: number | bigint;
  readonly backend?: Backend;
}

function random(kind: 'uniform' | 'normal', shape: readonly number[], options: RandomOptions): Tensor<'float32'> {
  checkShape(kind, shape);
  const backend = options.backend ?? defaultBackend();
  const key = keyOf(options.seed, options.stream ?? 0);
  return wrap(backend, kernelsOf(backend).random(kind, [...shape], key)) as Tensor<'float32'>;
}

function affine(x: Tensor<'float32'>, scale: number, shift: number): Tensor<'float32'> {
  const kernels = kernelsOf(x.backend);
  const scalar = (v: number) => wrap(x.backend, kernels.fill([], 'float32', v));
  let y = x;
  for (const [fn, value, neutral] of [
    ['mul', scale, 1],
    ['add', shift, 0],
  ] as const) {
    if (value === neutral) continue;
    const s = scalar(value);
    const next = wrap(x.backend, kernels.binary(fn, y, s)) as Tensor<'float32'>;
    y.dispose();
    s.dispose();
    y = next;
  }
  return y;
}

/**
 * Uniform random numbers in [low, high), float32, from Philox 4x32-10.
 *
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
  return affine(random('uniform', shape, options), high - low, low);
}

/**
 * Normal random numbers, float32: Philox 4x32-10 and Box-Muller.
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
