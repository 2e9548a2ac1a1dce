import type { Backend } from './backend/contract';
import { defaultBackend } from './backends';
import { byteSize, checkDtype, type DType } from './dtype';
import { TensorError } from './errors';
import { encodeRaw } from './raw';
import { keep } from './scope';
import { checkShape, showShape, sizeOf } from './shape';
import { kindOf, Storage, Tensor, wantTensor } from './tensor';

/** Numbers, nested to any depth; all lists of a level have one length. */
export type Nested = number | boolean | readonly Nested[];

type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * @internal Memory of the process for values that are made on the host.
 *
 * @throws TensorError `out_of_memory`
 */
export function hostValues<A extends Float32Array | Float64Array>(
  op: string,
  kind: new (length: number) => A,
  n: number,
): A {
  try {
    return new kind(n);
  } catch (cause) {
    throw new TensorError('out_of_memory', `[${op}] could not make ${n} values on the host`, { cause });
  }
}

function inferShape(values: Nested): number[] {
  const shape: number[] = [];
  let level: Nested = values;
  while (typeof level === 'object') {
    shape.push(level.length);
    const first: Nested | undefined = level[0];
    if (first === undefined) break;
    level = first;
  }
  return shape;
}

function flattenInto(values: Nested, shape: readonly number[], axis: number, out: number[]): void {
  if (typeof values !== 'object') {
    if (axis !== shape.length) throwRagged(shape);
    out.push(Number(values));
    return;
  }
  if (axis >= shape.length || values.length !== shape[axis]) throwRagged(shape);
  for (const v of values) flattenInto(v, shape, axis + 1, out);
}

function throwRagged(shape: readonly number[]): never {
  throw new TensorError(
    'shape',
    `[tensor] expected nested lists of the one shape ${showShape(shape)}, got lists of different lengths`,
  );
}

/** Settings of functions that make tensors. */
export interface CreateOptions<D extends DType = DType> {
  /** Default: float32, or the typed array's own. */
  readonly dtype?: D;
  /** Default: the process's; see `setBackend`. */
  readonly backend?: Backend;
}

/** Settings of `tensor`. */
export interface TensorOptions<D extends DType = DType> extends CreateOptions<D> {
  /** Default: that of the nested lists, or one axis for a typed array. */
  readonly shape?: readonly number[];
}

/**
 * A tensor of the given values: a number, nested lists, or a typed array (copied).
 *
 * @param values Numbers, Float32Array and Float64Array give float32, Int32Array int32, Uint8Array uint8, unless `dtype`
 *   says otherwise. Floats round to nearest even; to integers values are cut toward 0 and wrap; to bool all but 0 are
 *   true.
 * @throws TensorError `shape` for ragged lists or a shape that does not fit; `dtype`; `value` for other values.
 *
 * @example
 * ```ts
 * import { tensor } from '@tessera-llm/tensor';
 * const m = tensor(new Float32Array([1, 2, 3, 4]), { shape: [2, 2] });
 * console.log(m.shape, m.dtype); // [2, 2] 'float32'
 * ```
 */
export function tensor(values: Int32Array, options?: TensorOptions<'int32'>): Tensor<'int32'>;
export function tensor<D extends DType = 'float32'>(values: Nested | HostArray, options?: TensorOptions<D>): Tensor<D>;
export function tensor(values: Nested | HostArray, options: TensorOptions = {}): Tensor {
  // Elsewhere the shape is the second argument; here it would be a list without settings.
  if (Array.isArray(options)) {
    throw new TensorError('value', `[tensor] expected settings such as { shape: [${options.join(', ')}] }, got a list`);
  }
  let flat: ArrayLike<number>;
  let inferred: number[];
  let natural: DType = 'float32';
  if (ArrayBuffer.isView(values)) {
    flat = values;
    inferred = [values.length];
    if (values instanceof Int32Array) natural = 'int32';
    else if (values instanceof Uint8Array) natural = 'uint8';
  } else {
    if (typeof values !== 'number' && typeof values !== 'boolean' && !Array.isArray(values)) {
      throw new TensorError(
        'value',
        `[tensor] expected a number, a list of them or a typed array, got ${kindOf(values)}`,
      );
    }
    inferred = inferShape(values);
    const out: number[] = [];
    flattenInto(values, inferred, 0, out);
    flat = out;
  }
  const dtype = options.dtype ?? natural;
  checkDtype('tensor', dtype);
  return fromRaw('tensor', encodeRaw(flat, dtype), options.shape ?? inferred, dtype, options.backend);
}

function fromRaw<D extends DType>(
  ...[op, bytes, shape, dtype, backend = defaultBackend()]: readonly [
    op: string,
    bytes: Uint8Array,
    shape: readonly number[],
    dtype: D,
    backend: Backend | undefined,
  ]
): Tensor<D> {
  checkShape(op, shape);
  const size = sizeOf(shape);
  if (bytes.byteLength !== size * byteSize[dtype]) {
    const elements = bytes.byteLength / byteSize[dtype];
    throw new TensorError(
      'shape',
      `[${op}] expected ${size} elements for the shape ${showShape(shape)}, got ${elements}`,
    );
  }
  return new Tensor(new Storage(backend, backend.upload(bytes)), 0, [...shape], dtype);
}

/**
 * A tensor of raw little-endian bytes, as a checkpoint holds them.
 *
 * @throws TensorError `shape` if the byte count is not that of the shape; `dtype`.
 *
 * @example
 * ```ts
 * import { fromBytes } from '@tessera-llm/tensor';
 * const x = fromBytes(new Uint8Array([0, 0, 128, 63]), [1], 'float32');
 * console.log(await x.item()); // 1
 * ```
 */
export function fromBytes<D extends DType>(
  bytes: Uint8Array,
  shape: readonly number[],
  dtype: D,
  options: { readonly backend?: Backend } = {},
): Tensor<D> {
  checkDtype('fromBytes', dtype);
  return fromRaw('fromBytes', bytes, shape, dtype, options.backend);
}

/**
 * Marks a tensor as trainable and takes it out of every scope: a model's parameter. Gives the same tensor.
 *
 * @throws TensorError `value` for what is no tensor.
 *
 * @example
 * ```ts
 * import { normal, parameter } from '@tessera-llm/tensor';
 * const weight = parameter(normal([8, 4], { seed: 0, std: 0.02 }));
 * console.log(weight.requiresGrad); // true
 * ```
 */
export function parameter<T extends Tensor>(x: T): T {
  wantTensor('parameter', x);
  x.requiresGrad = true;
  return keep(x);
}
