import type { Activations, Backend, Block, QuantizedArray, QuantizedFormat, QuantizedSpec } from '../backend/contract';
import { defaultBackend } from '../backends';
import { TensorError } from '../errors';
import { keep } from '../scope';
import { showShape } from '../shape';
import { kernelsOf } from '../state';
import { type Tensor, wrap } from '../tensor';
import { checkSpec, rowBytes } from './format';

const brand = Symbol.for('tessera.tensor.QuantizedWeight');

/** Settings of `quantizedWeight`. */
export interface QuantizedWeightOptions {
  readonly format: QuantizedFormat;
  /** (M, K): outputs by inputs, as the weight of `linear`. */
  readonly shape: readonly number[];
  /** int8 only: values per scale along a row, a multiple of 32 or at least K (one scale per row); default 128. */
  readonly groupSize?: number;
  /** How products with this weight treat their other operand unless the call says otherwise; default bfloat16. */
  readonly activations?: Activations;
  /** Default: the process's; see `setBackend`. */
  readonly backend?: Backend;
}

/**
 * A matrix (M, K) of few bits per value, kept in the backend's memory in that form alone: the weight of
 * `quantizedLinear`, the table of `quantizedRows`. It is not a tensor and takes part in no other op; `dequantize` gives
 * one. It is constant: there is no gradient with respect to it.
 *
 * It belongs to no scope: like a parameter it lives until `dispose` (or until nothing refers to it any more).
 *
 * Made by `quantizedWeight` and `quantize`, never with `new`.
 *
 * @example
 * ```ts
 * import { quantize, quantizedLinear, tensor } from '@tessera-llm/tensor';
 * const weight = await quantize(tensor([[1, 2, 3, 4], [4, 3, 2, 1]]), 'int8');
 * console.log(weight.shape, quantizedLinear(tensor([[1, 1, 1, 1]]), weight).shape); // [2, 4] [1, 2]
 * weight.dispose();
 * ```
 */
export class QuantizedWeight implements QuantizedArray {
  readonly [brand] = true;
  readonly format: QuantizedFormat;
  /** (M, K) */
  readonly shape: readonly [rows: number, columns: number];
  /** Values per scale along a row. */
  readonly groupSize: number;
  /** How products with this weight treat their other operand unless the call says otherwise. */
  readonly activations: Activations;

  /** @internal */
  constructor(
    /** @internal The bytes in the backend's own layout. */
    readonly packed: Tensor,
    spec: QuantizedSpec,
    activations: Activations,
  ) {
    this.format = spec.format;
    this.shape = spec.shape;
    this.groupSize = spec.groupSize;
    this.activations = activations;
    keep(packed);
  }

  /** The backend whose memory holds the values. */
  get backend(): Backend {
    return this.packed.backend;
  }

  /** The memory: a weight is what a backend's kernels take. */
  get block(): Block {
    return this.packed.block;
  }

  /** Bytes of memory that the weight takes. */
  get byteLength(): number {
    return this.packed.size;
  }

  /** True after `dispose`. */
  get disposed(): boolean {
    return this.packed.disposed;
  }

  /** The float32 values (M, K), as ggml's `dequantize_row`: for looking at and for tests; it is not kept. */
  dequantize(): Tensor<'float32'> {
    const rows = Int32Array.from({ length: this.shape[0] }, (_, i) => i);
    const array = kernelsOf(this.backend).quantizedRows(this, rows);
    return wrap(this.backend, { ...array, dtype: 'float32' as const });
  }

  /** The bytes in the format's file layout, copied to the host: what `quantizedWeight` was given, bit for bit. */
  async bytes(): Promise<Uint8Array> {
    const raw = wrap(this.backend, kernelsOf(this.backend).quantizedUnpack(this));
    try {
      return await raw.bytes();
    } finally {
      raw.dispose();
    }
  }

  /** Gives the memory back. Twice is fine. */
  dispose(): void {
    this.packed.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Format and shape. */
  toString(): string {
    return `QuantizedWeight ${showShape(this.shape)} ${this.format} ${this.backend.name}`;
  }
}

/**
 * True for quantised weights of any compatible copy of this package.
 *
 * @example
 * ```ts
 * import { isQuantizedWeight, quantize, zeros } from '@tessera-llm/tensor';
 * const dense = zeros([2, 32]);
 * console.log(isQuantizedWeight(dense), isQuantizedWeight(await quantize(dense, 'Q8_0'))); // false true
 * ```
 */
export function isQuantizedWeight(value: unknown): value is QuantizedWeight {
  return typeof value === 'object' && value !== null && Reflect.get(value, brand) === true;
}

/** @internal Throws unless the value is one of the activations. */
export function checkActivations(where: string, activations: Activations): Activations {
  if (activations === 'float32' || activations === 'bfloat16' || activations === 'int8') return activations;
  throw new TensorError(
    'value',
    `[${where}] expected activations of float32, bfloat16 or int8, got '${String(activations)}'`,
  );
}

/**
 * A quantised weight of the bytes that a file holds.
 *
 * @param bytes The M rows one after another. GGUF formats: a row is its blocks, as ggml stores them. int8: a row is
 *   ceil(K / groupSize) float32 scales (little-endian) and K int8 values.
 * @throws TensorError `shape` for columns that are not whole blocks; `value` for another number of bytes, or a setting
 *   out of its range.
 *
 * @example
 * ```ts
 * import { quantizedWeight } from '@tessera-llm/tensor';
 * // One row of one block of Q8_0: the scale 0.5 as float16, then 32 int8 values.
 * const bytes = new Uint8Array(34).fill(2);
 * new DataView(bytes.buffer).setUint16(0, 0x3800, true);
 * using weight = quantizedWeight(bytes, { format: 'Q8_0', shape: [1, 32] });
 * console.log((await weight.dequantize().data())[0]); // 1
 * ```
 */
export function quantizedWeight(bytes: Uint8Array, options: QuantizedWeightOptions): QuantizedWeight {
  const spec = checkSpec('quantizedWeight', options.format, options.shape, options.groupSize);
  const activations = checkActivations('quantizedWeight', options.activations ?? 'bfloat16');
  const backend = options.backend ?? defaultBackend();
  const row = rowBytes(spec);
  if (bytes.byteLength !== spec.shape[0] * row) {
    throw new TensorError(
      'value',
      `[quantizedWeight] expected ${spec.shape[0] * row} bytes for ${spec.format} ${showShape(spec.shape)}, got ${bytes.byteLength}`,
    );
  }
  const block = backend.upload(bytes);
  try {
    const raw = { block, offset: 0, shape: [spec.shape[0], row], dtype: 'uint8' } as const;
    return new QuantizedWeight(wrap(backend, kernelsOf(backend).quantizedPack(raw, spec)), spec, activations);
  } finally {
    backend.free(block);
  }
}
