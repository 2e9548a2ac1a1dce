/** How a GGUF tensor type stores its elements: `blockSize` of them along the last axis in `typeSize` bytes. */
export interface GgufTypeLayout {
  /** The number that stands for the type in files. */
  readonly id: number;
  readonly blockSize: number;
  readonly typeSize: number;
}

/**
 * Every tensor type that files may hold, by ggml's name. Numbers 4, 5, 31 to 33 and 36 to 38 were removed from the
 * format; 9 and 15 (Q8_1, Q8_K) are of intermediate results and no file's.
 */
export const ggufTypes = {
  F32: { id: 0, blockSize: 1, typeSize: 4 },
  F16: { id: 1, blockSize: 1, typeSize: 2 },
  Q4_0: { id: 2, blockSize: 32, typeSize: 18 },
  Q4_1: { id: 3, blockSize: 32, typeSize: 20 },
  Q5_0: { id: 6, blockSize: 32, typeSize: 22 },
  Q5_1: { id: 7, blockSize: 32, typeSize: 24 },
  Q8_0: { id: 8, blockSize: 32, typeSize: 34 },
  Q2_K: { id: 10, blockSize: 256, typeSize: 84 },
  Q3_K: { id: 11, blockSize: 256, typeSize: 110 },
  Q4_K: { id: 12, blockSize: 256, typeSize: 144 },
  Q5_K: { id: 13, blockSize: 256, typeSize: 176 },
  Q6_K: { id: 14, blockSize: 256, typeSize: 210 },
  IQ2_XXS: { id: 16, blockSize: 256, typeSize: 66 },
  IQ2_XS: { id: 17, blockSize: 256, typeSize: 74 },
  IQ3_XXS: { id: 18, blockSize: 256, typeSize: 98 },
  IQ1_S: { id: 19, blockSize: 256, typeSize: 50 },
  IQ4_NL: { id: 20, blockSize: 32, typeSize: 18 },
  IQ3_S: { id: 21, blockSize: 256, typeSize: 110 },
  IQ2_S: { id: 22, blockSize: 256, typeSize: 82 },
  IQ4_XS: { id: 23, blockSize: 256, typeSize: 136 },
  I8: { id: 24, blockSize: 1, typeSize: 1 },
  I16: { id: 25, blockSize: 1, typeSize: 2 },
  I32: { id: 26, blockSize: 1, typeSize: 4 },
  I64: { id: 27, blockSize: 1, typeSize: 8 },
  F64: { id: 28, blockSize: 1, typeSize: 8 },
  IQ1_M: { id: 29, blockSize: 256, typeSize: 56 },
  BF16: { id: 30, blockSize: 1, typeSize: 2 },
  TQ1_0: { id: 34, blockSize: 256, typeSize: 54 },
  TQ2_0: { id: 35, blockSize: 256, typeSize: 66 },
  MXFP4: { id: 39, blockSize: 32, typeSize: 17 },
  NVFP4: { id: 40, blockSize: 64, typeSize: 36 },
} as const satisfies Readonly<Record<string, GgufTypeLayout>>;

/** A tensor type of a GGUF file, by ggml's name. */
export type GgufTensorType = keyof typeof ggufTypes;

const byId: ReadonlyMap<number, GgufTensorType> = new Map(
  Object.entries(ggufTypes).map(([name, { id }]) => [id, name as GgufTensorType]),
);

/**
 * Whether a value names a tensor type of {@link ggufTypes}.
 *
 * @example
 * ```ts
 * import { isGgufTensorType } from '@tessera-llm/formats';
 * console.log(isGgufTensorType('Q4_K'), isGgufTensorType('Q4_X')); // true false
 * ```
 */
export function isGgufTensorType(value: unknown): value is GgufTensorType {
  return typeof value === 'string' && Object.hasOwn(ggufTypes, value);
}

/** The type that a number in a file stands for, or undefined. */
export function ggufTypeById(id: number): GgufTensorType | undefined {
  return byId.get(id);
}

/** A tensor as a GGUF file holds it: bytes of whole blocks, rows one after the other. */
export interface GgufTensor {
  readonly type: GgufTensorType;
  /** Row-major: the last axis is the one that blocks run along (files store it first). */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * Bytes of a tensor of this type and row-major shape: elements / blockSize · typeSize. Undefined if its rows aren't
 * whole blocks, an extent is no whole number >= 0, or the count isn't exactly representable.
 *
 * @example
 * ```ts
 * import { ggufByteLength } from '@tessera-llm/formats';
 * console.log(ggufByteLength('Q8_0', [2, 64])); // 136
 * console.log(ggufByteLength('Q8_0', [64, 2])); // undefined: rows of 2 are no whole blocks of 32
 * ```
 */
export function ggufByteLength(type: GgufTensorType, shape: readonly number[]): number | undefined {
  if (!isGgufTensorType(type)) return undefined;
  const { blockSize, typeSize } = ggufTypes[type];
  let blocks = 1;
  for (const [axis, dim] of shape.entries()) {
    if (!Number.isSafeInteger(dim) || dim < 0) return undefined;
    blocks *= axis === shape.length - 1 ? dim / blockSize : dim;
  }
  if (shape.length === 0 && blockSize !== 1) return undefined;
  const bytes = blocks * typeSize;
  const whole = Number.isInteger((shape.at(-1) ?? 1) / blockSize) || blockSize === 1;
  return whole && Number.isSafeInteger(bytes) && Number.isSafeInteger(blocks * blockSize) ? bytes : undefined;
}
