/**
 * Element types of a safetensors file, in the order of the reference implementation (from small to
 * large elements); the writer lays tensors out in the reverse of this order, so that every tensor
 * starts at a multiple of its own element size.
 */
export const safetensorsDTypes = [
  'BOOL',
  'F4',
  'F6_E2M3',
  'F6_E3M2',
  'U8',
  'I8',
  'F8_E5M2',
  'F8_E4M3',
  'F8_E8M0',
  'F8_E4M3FNUZ',
  'F8_E5M2FNUZ',
  'I16',
  'U16',
  'F16',
  'BF16',
  'I32',
  'U32',
  'F32',
  'C64',
  'F64',
  'I64',
  'U64',
] as const;

/** A safetensors element type, spelled as in the file. */
export type SafetensorsDType = (typeof safetensorsDTypes)[number];

/** Bits per element of each dtype. */
export const dtypeBits: Readonly<Record<SafetensorsDType, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

const rank: ReadonlyMap<string, number> = new Map(safetensorsDTypes.map((dtype, index) => [dtype, index]));

export function isSafetensorsDType(value: unknown): value is SafetensorsDType {
  return typeof value === 'string' && rank.has(value);
}

/** Position of a dtype in the layout order. */
export function dtypeRank(dtype: SafetensorsDType): number {
  return rank.get(dtype) ?? 0;
}

/** A tensor as bytes: no arithmetic, only what a file holds. Bytes are little-endian, in row-major order. */
export interface RawTensor {
  readonly dtype: SafetensorsDType;
  /** () is a scalar. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * The bytes that a tensor of this dtype and shape takes: elements · bits / 8. Undefined if an extent is no
 * whole number >= 0, or the count is not a whole number of bytes or not exactly representable.
 *
 * @example
 * ```ts
 * import { tensorByteLength } from '@tessera-llm/formats';
 * console.log(tensorByteLength('BF16', [2, 3])); // 12
 * console.log(tensorByteLength('F4', [3])); // undefined: 12 bits are no whole bytes
 * ```
 */
export function tensorByteLength(dtype: SafetensorsDType, shape: readonly number[]): number | undefined {
  let count = 1;
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) return undefined;
    count *= dim;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  const bits = count * dtypeBits[dtype];
  return Number.isSafeInteger(bits) && bits % 8 === 0 ? bits / 8 : undefined;
}
