import { FormatsError } from '../errors.js';
import { toFloat32 } from '../floats.js';
import type { UnpackBlock } from './block.js';
import { type GgufTensor, type GgufTensorType, ggufTypes } from './tensor-type.js';
import {
  unpackIQ4_NL,
  unpackIQ4_XS,
  unpackMXFP4,
  unpackNVFP4,
  unpackQ4_0,
  unpackQ4_1,
  unpackQ5_0,
  unpackQ5_1,
  unpackQ8_0,
  unpackTQ1_0,
  unpackTQ2_0,
} from './unpack-classic.js';
import {
  unpackIQ1_M,
  unpackIQ1_S,
  unpackIQ2_S,
  unpackIQ2_XS,
  unpackIQ2_XXS,
  unpackIQ3_S,
  unpackIQ3_XXS,
} from './unpack-iq.js';
import { unpackQ2_K, unpackQ3_K, unpackQ4_K, unpackQ5_K, unpackQ6_K } from './unpack-k.js';

/** What turns each type into float32: another format's element type, a block's rule, or nothing for integers. */
const rules: Readonly<Record<GgufTensorType, UnpackBlock | 'F32' | 'F64' | 'F16' | 'BF16' | null>> = {
  F32: 'F32',
  F64: 'F64',
  F16: 'F16',
  BF16: 'BF16',
  I8: null,
  I16: null,
  I32: null,
  I64: null,
  Q4_0: unpackQ4_0,
  Q4_1: unpackQ4_1,
  Q5_0: unpackQ5_0,
  Q5_1: unpackQ5_1,
  Q8_0: unpackQ8_0,
  Q2_K: unpackQ2_K,
  Q3_K: unpackQ3_K,
  Q4_K: unpackQ4_K,
  Q5_K: unpackQ5_K,
  Q6_K: unpackQ6_K,
  IQ1_S: unpackIQ1_S,
  IQ1_M: unpackIQ1_M,
  IQ2_XXS: unpackIQ2_XXS,
  IQ2_XS: unpackIQ2_XS,
  IQ2_S: unpackIQ2_S,
  IQ3_XXS: unpackIQ3_XXS,
  IQ3_S: unpackIQ3_S,
  IQ4_NL: unpackIQ4_NL,
  IQ4_XS: unpackIQ4_XS,
  TQ1_0: unpackTQ1_0,
  TQ2_0: unpackTQ2_0,
  MXFP4: unpackMXFP4,
  NVFP4: unpackNVFP4,
};

/**
 * The values of a GGUF tensor as float32 in new memory, in row-major order: exactly those of ggml's float32
 * arithmetic. F64 rounds to nearest.
 *
 * @throws FormatsError `unsupported_dtype` for integers; `invalid_argument` for bytes that aren't whole blocks.
 *
 * @example
 * ```ts
 * import { dequantizeGguf } from '@tessera-llm/formats';
 * // One block of Q8_0: the scale 1 as a float16, then 32 signed bytes.
 * const bytes = new Uint8Array(34);
 * bytes.set([0x00, 0x3c, 7, 0xff]);
 * console.log(dequantizeGguf({ type: 'Q8_0', bytes }).slice(0, 3)); // Float32Array [7, -1, 0]
 * ```
 */
export function dequantizeGguf({ type, bytes }: Pick<GgufTensor, 'type' | 'bytes'>): Float32Array {
  const rule = rules[type];
  if (rule === null) {
    throw new FormatsError('unsupported_dtype', `[dequantizeGguf] expected floats or blocks of them, got ${type}`);
  }
  const { blockSize, typeSize } = ggufTypes[type];
  if (bytes.byteLength % typeSize !== 0) {
    throw new FormatsError(
      'invalid_argument',
      `[dequantizeGguf] expected a multiple of ${typeSize} bytes of ${type}, got ${bytes.byteLength}`,
    );
  }
  if (typeof rule === 'string') return toFloat32({ dtype: rule, bytes });
  const out = new Float32Array((bytes.byteLength / typeSize) * blockSize);
  for (let at = 0, to = 0; at < bytes.byteLength; at += typeSize, to += blockSize) rule(bytes, at, out, to);
  return out;
}
