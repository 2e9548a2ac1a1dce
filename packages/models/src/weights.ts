import { type TensorReader, openCheckpoint } from '@tessera-llm/formats';
import { type Init, LayersError } from '@tessera-llm/layers';
import { type FloatDType, type Tensor, copyInPlace, fromBytes, parameter, zeros } from '@tessera-llm/tensor';
import type { Blueprint, ComputeOptions, Model } from './architecture';
import { ModelsError } from './errors';
import { checkArchitecture } from './registry';

/** Bytes read so far, for a progress display. */
export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** Settings of reading weights. */
export interface WeightsOptions extends ComputeOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

const dtypes: Readonly<Record<string, FloatDType>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };

/**
 * Builds a model and fills it from a folder's safetensors, one tensor at a time. Names, shapes and dtypes of all
 * tensors are checked before the first one is read.
 */
export async function loadModel(folder: string, blueprint: Blueprint, options: WeightsOptions): Promise<Model> {
  const { signal, onProgress, ...compute } = options;
  const reader = await openCheckpoint(folder);
  const made: Tensor[] = [];
  try {
    const names = wantedTensors(reader, blueprint, folder);
    const model = blueprint.build({ ...compute, init: budgeted(reader, names, made) });
    checkShapes(model, reader, names, folder);
    const parameters = model.namedParameters();
    let totalBytes = 0;
    for (const name of names.values()) totalBytes += reader.tensors.get(name)?.byteLength ?? 0;
    let loadedBytes = 0;
    for (const [path, name] of names) {
      signal?.throwIfAborted();
      const raw = await reader.read(name);
      const target = parameters.get(path);
      const dtype = dtypes[raw.dtype];
      if (target === undefined || dtype === undefined) continue; // excluded by the checks above
      const source = fromBytes(raw.bytes, raw.shape, dtype, { backend: target.backend });
      copyInPlace(target, source);
      source.dispose();
      loadedBytes += raw.bytes.byteLength;
      onProgress?.({ loadedBytes, totalBytes });
    }
    return model;
  } catch (error) {
    for (const parameter of made) parameter.dispose();
    throw error;
  } finally {
    await reader.close();
  }
}

/** Name in the file for every parameter path that the file fills. */
function wantedTensors(reader: TensorReader, blueprint: Blueprint, folder: string): Map<string, string> {
  checkArchitecture(blueprint.config.model_type, new Set(reader.tensors.keys()));
  const names = new Map<string, string>();
  for (const [name, { dtype }] of reader.tensors) {
    const path = blueprint.parameterOf(name);
    if (path === null) continue;
    if (dtypes[dtype] === undefined) {
      throw new ModelsError(
        'unsupported_dtype',
        `[open] expected weights in ${Object.keys(dtypes).join(', ')}, got ${dtype} for ${name} (${folder})`,
      );
    }
    const other = names.get(path);
    if (other !== undefined) {
      throw new ModelsError(
        'invalid_checkpoint',
        `[open] expected one tensor for ${path}, got ${other} and ${name} (${folder})`,
      );
    }
    names.set(path, name);
  }
  return names;
}

function checkShapes(model: Model, reader: TensorReader, names: ReadonlyMap<string, string>, folder: string): void {
  const shapes = new Map<string, readonly number[]>();
  for (const [path, name] of names) shapes.set(path, reader.tensors.get(name)?.shape ?? []);
  try {
    model.checkState(shapes);
  } catch (cause) {
    if (!(cause instanceof LayersError)) throw cause;
    throw new ModelsError(
      'invalid_checkpoint',
      `[open] expected the weights that config.json of ${folder} describes; ${cause.message}`,
      { cause },
    );
  }
}

/** Zeros, but never more of them than the file has elements: a wrong config.json must not take all memory. */
function budgeted(reader: TensorReader, names: ReadonlyMap<string, string>, made: Tensor[]): Init {
  let left = 0;
  for (const name of names.values()) {
    left += (reader.tensors.get(name)?.shape ?? []).reduce((size, n) => size * n, 1);
  }
  const make = (shape: readonly number[]) => {
    left -= shape.reduce((size, n) => size * n, 1);
    if (left < 0) {
      throw new ModelsError(
        'invalid_checkpoint',
        '[open] expected as many weights as config.json describes, got fewer; do config.json and the weights belong together?',
      );
    }
    const p = parameter(zeros(shape));
    made.push(p);
    return p;
  };
  return { normal: make, constant: make };
}
