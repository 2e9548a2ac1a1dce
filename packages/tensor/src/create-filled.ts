import type { Backend } from './backend/contract';
import { defaultBackend } from './backends';
import { type CreateOptions, hostValues, tensor } from './create';
import { checkDtype, type DType } from './dtype';
import { TensorError } from './errors';
import { checkShape } from './shape';
import { kernelsOf } from './state';
import { type Tensor, wantTensor, wrap } from './tensor';

/**
 * A tensor filled with one value; float32 unless told.
 *
 * @throws TensorError `shape`, `dtype`
 *
 * @example
 * ```ts
 * import { full } from '@tessera-llm/tensor';
 * console.log(await full([2], 7).data()); // [7, 7]
 * ```
 */
export function full<D extends DType = 'float32'>(
  shape: readonly number[],
  value: number,
  options: CreateOptions<D> = {},
): Tensor<D> {
  checkShape('full', shape);
  if (options.dtype !== undefined) checkDtype('full', options.dtype);
  const backend = options.backend ?? defaultBackend();
  const dtype = options.dtype ?? ('float32' as D);
  return wrap(backend, kernelsOf(backend).fill([...shape], dtype, value)) as Tensor<D>;
}

/**
 * A tensor of zeros; float32 unless told.
 *
 * @throws TensorError `shape`, `dtype`
 *
 * @example
 * ```ts
 * import { zeros } from '@tessera-llm/tensor';
 * console.log(await zeros([2, 2]).data()); // [0, 0, 0, 0]
 * ```
 */
export function zeros<D extends DType = 'float32'>(
  shape: readonly number[],
  options: CreateOptions<D> = {},
): Tensor<D> {
  return full(shape, 0, options);
}

/**
 * A tensor of ones; float32 unless told.
 *
 * @throws TensorError `shape`, `dtype`
 *
 * @example
 * ```ts
 * import { ones } from '@tessera-llm/tensor';
 * console.log(await ones([3]).data()); // [1, 1, 1]
 * ```
 */
export function ones<D extends DType = 'float32'>(shape: readonly number[], options: CreateOptions<D> = {}): Tensor<D> {
  return full(shape, 1, options);
}

/**
 * Zeros of another tensor's shape, dtype and backend.
 *
 * @example
 * ```ts
 * import { tensor, zerosLike } from '@tessera-llm/tensor';
 * const x = zerosLike(tensor(new Int32Array([1, 2])));
 * console.log(await x.data(), x.dtype); // [0, 0] 'int32'
 * ```
 */
export function zerosLike<D extends DType>(x: Tensor<D>): Tensor<D> {
  wantTensor('zerosLike', x);
  return full(x.shape, 0, { dtype: x.dtype, backend: x.backend });
}

/**
 * Ones of another tensor's shape, dtype and backend.
 *
 * @example
 * ```ts
 * import { onesLike, tensor } from '@tessera-llm/tensor';
 * const x = onesLike(tensor(new Int32Array([7, 8])));
 * console.log(await x.data(), x.dtype); // [1, 1] 'int32'
 * ```
 */
export function onesLike<D extends DType>(x: Tensor<D>): Tensor<D> {
  wantTensor('onesLike', x);
  return full(x.shape, 1, { dtype: x.dtype, backend: x.backend });
}

/**
 * start, start + step, … below stop (above it, where step < 0); with one argument from 0. Step 1 and float32 unless
 * told.
 *
 * @throws TensorError `value` for a step of 0 or bounds that are not finite.
 *
 * @example
 * ```ts
 * import { arange } from '@tessera-llm/tensor';
 * console.log(await arange(3).data()); // [0, 1, 2]
 * console.log(await arange(5, 0, { step: -2 }).data()); // [5, 3, 1]
 * ```
 */
export function arange<D extends DType = 'float32'>(
  start: number,
  stop?: number,
  options: CreateOptions<D> & { readonly step?: number } = {},
): Tensor<D> {
  const step = options.step ?? 1;
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!Number.isFinite(count)) {
    throw new TensorError(
      'value',
      `[arange] expected finite bounds and a step other than 0, got ${from}, ${to} and ${step}`,
    );
  }
  const values = hostValues('arange', Float64Array, count);
  for (let i = 0; i < count; i++) values[i] = from + i * step;
  return tensor<D>(values, { ...options, shape: [count] });
}

/**
 * The identity matrix (n, n), float32.
 *
 * @throws TensorError `shape` unless n is a non-negative integer.
 *
 * @example
 * ```ts
 * import { eye } from '@tessera-llm/tensor';
 * console.log(await eye(2).data()); // [1, 0, 0, 1]
 * ```
 */
export function eye(n: number, options: { readonly backend?: Backend } = {}): Tensor<'float32'> {
  checkShape('eye', [n]);
  const values = hostValues('eye', Float32Array, n * n);
  for (let i = 0; i < n; i++) values[i * n + i] = 1;
  return tensor(values, { ...options, shape: [n, n], dtype: 'float32' });
}
