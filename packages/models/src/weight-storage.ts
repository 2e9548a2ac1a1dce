import { type GgufTensorType, dequantizeGguf } from '@tessera-llm/formats';
import type { Weight as LayerWeight } from '@tessera-llm/layers';
import {
  type Activations,
  type Compute,
  type FloatDType,
  type QuantizeFormat,
  type QuantizedFormat,
  type Tensor,
  cast,
  fromBytes,
  parameter,
  quantize,
  quantizedWeight,
} from '@tessera-llm/tensor';
import { ModelsError, expectChoice } from './errors';
import type { Weight } from './weight-source';
import type { WeightKind, WeightsOptions } from './weights';

/** How weights are kept and multiplied, from the options of opening. */
export interface Storage {
  /** Of attention, the cache and dense products. */
  readonly compute: Compute;
  /** What dense matrices are kept as. */
  readonly dense: 'float32' | 'bfloat16';
  /** null: nothing is packed. */
  readonly packed: { readonly activations: Activations; readonly format: QuantizeFormat | null } | null;
}

/** @throws ModelsError `invalid_option` for options with unknown values, or that contradict each other. */
export function storageOf({ weights = 'float32', compute = 'float32', format, compat }: WeightsOptions): Storage {
  expectChoice('weights', weights, ['float32', 'bfloat16', 'packed']);
  expectChoice('compute', compute, ['float32', 'bfloat16', 'int8']);
  expectChoice('compat', compat, ['hf']);
  if (weights !== 'packed') {
    if (compute === 'int8') throw contradiction("weights 'packed' with compute 'int8'", weights);
    if (format !== undefined) throw contradiction(`weights 'packed' with format '${format}'`, weights);
    return { compute, dense: weights, packed: null };
  }
  return {
    compute: compute === 'int8' ? 'bfloat16' : compute,
    dense: compute === 'float32' ? 'float32' : 'bfloat16',
    packed: { activations: compute, format: format ?? null },
  };
}

function contradiction(expected: string, got: string): ModelsError {
  return new ModelsError('invalid_option', `[open] expected ${expected}, got weights '${got}'`);
}

/** Block formats that matrices are multiplied in as they are. */
const blockFormats: readonly string[] = ['Q4_0', 'Q4_1', 'Q4_K', 'Q6_K', 'Q8_0'] satisfies QuantizedFormat[];
const isBlockFormat = (type: GgufTensorType): type is GgufTensorType & QuantizedFormat => blockFormats.includes(type);

/** A weight as the model keeps it. */
export async function storedWeight(
  weight: Weight,
  { shape, kind, storage }: { shape: readonly number[]; kind: WeightKind; storage: Storage },
): Promise<LayerWeight> {
  const { packed } = storage;
  if (kind === 'constant') return dense(weight, shape, 'float32');
  if (kind === 'normal' || packed === null) return dense(weight, shape, storage.dense);
  const { activations, format } = packed;
  if ('blocks' in weight && isBlockFormat(weight.blocks)) {
    return quantizedWeight(weight.bytes, { format: weight.blocks, shape, activations });
  }
  // Blocks hold 32 values of a row.
  if (format === null || (format !== 'int8' && (shape[1] ?? 0) % 32 !== 0)) return dense(weight, shape, storage.dense);
  using values = dense(weight, shape, 'float32');
  return quantize(values, format, { activations });
}

function dense(weight: Weight, shape: readonly number[], dtype: FloatDType): Tensor {
  const held =
    'dtype' in weight
      ? fromBytes(weight.bytes, shape, weight.dtype)
      : fromBytes(bytesOf(dequantizeGguf({ type: weight.blocks, bytes: weight.bytes })), shape, 'float32');
  if (held.dtype === dtype) return parameter(held);
  try {
    return parameter(cast(held, dtype));
  } finally {
    held.dispose();
  }
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
