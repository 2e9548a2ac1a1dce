import { dequantizeGguf } from '@tessera-llm/formats';
import { type Init, LayersError } from '@tessera-llm/layers';
import { type FloatDType, type Tensor, copyInPlace, fromBytes, parameter, zeros } from '@tessera-llm/tensor';
import type { Blueprint, ComputeOptions, Model } from './architecture';
import { ModelsError } from './errors';
import type { Weight, WeightSource } from './weight-source';

/** Bytes read so far, for a progress display. */
export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** Settings of reading weights. */
export interface WeightsOptions extends ComputeOptions {
  /**
   * What matrices are kept as in memory: float32 (default), or bfloat16, which halves memory and the time to read them
   * and rounds what the file holds with more bits. Vectors (norms, biases) are float32 always.
   */
  readonly weights?: 'float32' | 'bfloat16';
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/**
 * Builds a model and fills it from a source, one tensor at a time. Names and shapes of all tensors are checked before
 * the first one is read. Closes the source.
 */
export async function loadModel(source: WeightSource, blueprint: Blueprint, options: WeightsOptions): Promise<Model> {
  const { signal, onProgress, weights = 'float32', ...compute } = options;
  const made: Tensor[] = [];
  try {
    const model = blueprint.build({ ...compute, init: budgeted(source, { dtype: weights, made }) });
    checkShapes(model, source);
    const parameters = model.namedParameters();
    let totalBytes = 0;
    for (const { byteLength } of source.weights.values()) totalBytes += byteLength;
    let loadedBytes = 0;
    for (const [path, { byteLength }] of source.weights) {
      signal?.throwIfAborted();
      const target = parameters.get(path);
      if (target === undefined) continue; // excluded by the checks above
      fill(target, await source.read(path));
      loadedBytes += byteLength;
      onProgress?.({ loadedBytes, totalBytes });
    }
    return model;
  } catch (error) {
    for (const parameter of made) parameter.dispose();
    throw error;
  } finally {
    await source.close();
  }
}

function fill(target: Tensor, weight: Weight): void {
  const { shape, backend } = target;
  const source =
    'dtype' in weight
      ? fromBytes(weight.bytes, shape, weight.dtype, { backend })
      : fromBytes(bytesOf(dequantizeGguf({ type: weight.blocks, bytes: weight.bytes })), shape, 'float32', { backend });
  copyInPlace(target, source);
  source.dispose();
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function checkShapes(model: Model, { weights, where }: WeightSource): void {
  const shapes = new Map<string, readonly number[]>();
  for (const [path, { shape }] of weights) shapes.set(path, shape);
  try {
    model.checkState(shapes);
  } catch (cause) {
    if (!(cause instanceof LayersError)) throw cause;
    throw new ModelsError(
      'invalid_checkpoint',
      `[open] expected the weights that the configuration of ${where} describes; ${cause.message}`,
      { cause },
    );
  }
}

/** Zeros, but never more of them than the file has elements: a wrong configuration must not take all memory. */
function budgeted({ weights }: WeightSource, { dtype, made }: { dtype: FloatDType; made: Tensor[] }): Init {
  const sizeOf = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1);
  let left = 0;
  for (const { shape } of weights.values()) left += sizeOf(shape);
  const make = (shape: readonly number[]) => {
    left -= sizeOf(shape);
    if (left < 0) {
      throw new ModelsError(
        'invalid_checkpoint',
        '[open] expected as many weights as the configuration describes, got fewer; do they belong together?',
      );
    }
    const p = parameter(zeros(shape, { dtype: shape.length > 1 ? dtype : 'float32' }));
    made.push(p);
    return p;
  };
  return { normal: make, constant: make };
}
