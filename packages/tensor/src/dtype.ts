import { TensorError } from './errors';

/** Element types that a tensor can have. Quantised weights are a type of their own, not a dtype. */
export type DType = 'float32' | 'bfloat16' | 'float16' | 'int32' | 'uint8' | 'bool';

/** Dtypes that arithmetic and gradients are defined for. */
export type FloatDType = 'float32' | 'bfloat16' | 'float16';

/** The typed array that holds the raw elements of each dtype; the 16-bit floats are held as their bits. */
export interface RawArrays {
  float32: Float32Array;
  bfloat16: Uint16Array;
  float16: Uint16Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** The typed array that `data()` gives for each dtype; the 16-bit floats are widened exactly to float32. */
export interface DataArrays {
  float32: Float32Array;
  bfloat16: Float32Array;
  float16: Float32Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** Bytes per element of each dtype. */
export const byteSize: Readonly<Record<DType, number>> = {
  float32: 4,
  bfloat16: 2,
  float16: 2,
  int32: 4,
  uint8: 1,
  bool: 1,
};

/** @internal Throws unless `dtype` is one that tensors can have. */
export function checkDtype(op: string, dtype: DType): void {
  if (Object.hasOwn(byteSize, dtype)) return;
  const known = Object.keys(byteSize).join(', ');
  throw new TensorError('dtype', `[${op}] expected a dtype of ${known}, got ${String(dtype)}`);
}

/**
 * True for float32, bfloat16 and float16, the dtypes that gradients are defined for.
 *
 * @example
 * ```ts
 * import { isFloat } from '@tessera-llm/tensor';
 * console.log(isFloat('bfloat16'), isFloat('int32')); // true false
 * ```
 */
export function isFloat(dtype: DType): dtype is FloatDType {
  return dtype === 'float32' || dtype === 'bfloat16' || dtype === 'float16';
}
