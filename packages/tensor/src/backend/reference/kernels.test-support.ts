import { type DType, byteSize } from '../../dtype';
import { decodeRaw, encodeRaw } from '../../raw';
import { sizeOf } from '../../shape';
import type { NDArray } from '../contract';
import { createReferenceBackend } from './index';

/** The backend that the kernel tests share. */
export const backend = createReferenceBackend();

/** An array of the given values. */
export function array(values: readonly number[], shape?: readonly number[], dtype: DType = 'float32'): NDArray {
  return { block: backend.upload(encodeRaw(values, dtype)), offset: 0, shape: shape ?? [values.length], dtype };
}

/** Standard normal values; the same for the same seed. */
export function normal(shape: readonly number[], seed: number, dtype: DType = 'float32'): NDArray {
  const x = backend.kernels.random('normal', shape, { seed: [seed, 0], stream: [7, 0] });
  return dtype === 'float32' ? x : backend.kernels.cast(x, dtype);
}

/** The values of an array. */
export function read(x: NDArray): number[] {
  const width = byteSize[x.dtype];
  return [...decodeRaw(backend.readSync(x.block, x.offset * width, sizeOf(x.shape) * width), x.dtype)];
}

/** `count` entries of the first axis, from `from`, without a copy. */
export function rows(x: NDArray, from: number, count: number): NDArray {
  const rest = x.shape.slice(1);
  return { ...x, offset: x.offset + from * sizeOf(rest), shape: [count, ...rest] };
}

/** Every index of a shape, in row-major order. */
export function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (prefixes, extent) => prefixes.flatMap((p) => Array.from({ length: extent }, (_, i) => [...p, i])),
    [[]],
  );
}

/** The row-major place of an index. */
export function placeOf(index: readonly number[], shape: readonly number[]): number {
  return index.reduce((place, i, axis) => place * (shape[axis] as number) + i, 0);
}
