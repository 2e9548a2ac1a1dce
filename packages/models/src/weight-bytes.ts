import type { Weight } from '@tessera-llm/layers';
import { type FloatDType, cast, isQuantizedWeight } from '@tessera-llm/tensor';

/** The elements of a weight in a dtype, as bytes; a quantised one is unpacked. */
export async function denseBytes(weight: Weight, dtype: FloatDType): Promise<Uint8Array> {
  if (isQuantizedWeight(weight)) {
    using values = weight.dequantize();
    return await denseBytes(values, dtype);
  }
  if (weight.dtype === dtype) return weight.bytes();
  const converted = cast(weight, dtype);
  try {
    return await converted.bytes();
  } finally {
    converted.dispose();
  }
}
