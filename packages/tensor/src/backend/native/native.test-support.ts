import { expect } from 'vitest';
import { type DType, byteSize } from '../../dtype';
import { decodeRaw, encodeRaw } from '../../raw';
import { sizeOf } from '../../shape';
import type { Backend, CrossEntropyAttrs, Kernels, NDArray } from '../contract';
import { createReferenceBackend } from '../reference/index';
import { loadNativeBackend } from './index';

export const reference = createReferenceBackend();
const loaded = loadNativeBackend();

/** True where the addon runs. */
export const haveNative = loaded.ok;

/** The native backend; only for tests that `haveNative` guards. */
export function native(): Backend {
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.backend;
}

/** One array on both backends. */
export interface Pair {
  readonly native: NDArray;
  readonly reference: NDArray;
}

/** Values on a backend. */
export function arrayOn(backend: Backend, values: ArrayLike<number>, shape: readonly number[], dtype: DType): NDArray {
  return { block: backend.upload(encodeRaw(values, dtype)), offset: 0, shape, dtype };
}

/** The same values on both. */
export function pair(values: ArrayLike<number>, shape: readonly number[], dtype: DType = 'float32'): Pair {
  return { native: arrayOn(native(), values, shape, dtype), reference: arrayOn(reference, values, shape, dtype) };
}

/** Standard normal values on both; the same for the same seed. */
export function normalPair(shape: readonly number[], seed: number, dtype: DType = 'float32'): Pair {
  const x = reference.kernels.random('normal', shape, { seed: [seed, 0], stream: [11, 0] });
  return pair(valuesOn(reference, x), shape, dtype);
}

/** An array's values. */
export function valuesOn(backend: Backend, x: NDArray): ArrayLike<number> {
  const width = byteSize[x.dtype];
  return decodeRaw(backend.readSync(x.block, x.offset * width, sizeOf(x.shape) * width), x.dtype);
}

/** A native array's raw bytes, for comparing bit by bit. */
export function bytesOf(x: NDArray): Uint8Array {
  const width = byteSize[x.dtype];
  return native().readSync(x.block, x.offset * width, sizeOf(x.shape) * width);
}

/** Equal bit by bit; `toEqual` would look at every byte of large arrays in turn. */
export function sameBits(got: Uint8Array, want: Uint8Array): void {
  expect(Buffer.compare(got, want)).toBe(0);
}

/** Cross-entropy as it is without options. */
export const plainLoss: CrossEntropyAttrs = {
  ignoreIndex: -100,
  labelSmoothing: 0,
  scale: 1,
  softcap: null,
  temperature: 1,
};

type Results = { readonly [name: string]: NDArray | null };

/** Calls a kernel on both backends and compares what comes out, absolutely and relative to the larger values. */
export function agree(call: (k: Kernels, of: (p: Pair) => NDArray) => Results, tolerance = 1e-5): void {
  const got = call(native().kernels, (p) => p.native);
  const want = call(reference.kernels, (p) => p.reference);
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const [name, expected] of Object.entries(want)) {
    const actual = got[name] ?? null;
    if (expected === null || actual === null) {
      expect(actual, name).toBe(expected);
      continue;
    }
    expect(actual.shape, name).toEqual(expected.shape);
    expect(actual.dtype, name).toBe(expected.dtype);
    const values = valuesOn(native(), actual);
    const wanted = valuesOn(reference, expected);
    for (let i = 0; i < wanted.length; i++) {
      const [v, w] = [values[i] as number, wanted[i] as number];
      if (!Number.isFinite(w)) expect(v, `${name}[${i}]`).toBe(w);
      else if (!(Math.abs(v - w) <= tolerance * (1 + Math.abs(w)))) expect(v, `${name}[${i}]`).toBeCloseTo(w, 6);
    }
  }
}

/** Zeros to which rows of src were added. */
export function indexAdd(k: Kernels, shape: readonly number[], index: NDArray, src: NDArray, axis: number): NDArray {
  const sums = k.fill(shape, src.dtype, 0);
  k.indexAddInPlace(sums, index, src, axis);
  return sums;
}
