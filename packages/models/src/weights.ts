import { type Compute, type QuantizeFormat, type Tensor, isTensor, zeros } from '@tessera-llm/tensor';
import { type Init, type Weight as LayerWeight, stateProblems } from '@tessera-llm/layers';
import type { Blueprint, ComputeOptions, Model } from './architecture';
import { ModelsError } from './errors';
import { storageOf, storedWeight } from './weight-storage';
import type { WeightSource } from './weight-source';

/** Bytes read so far, for a progress display. */
export interface LoadProgress {
  readonly loadedBytes: number;
  /** Bytes of all tensors that become weights, as the file stores them. */
  readonly totalBytes: number;
}

/** Settings of reading weights. */
export interface WeightsOptions extends Omit<ComputeOptions, 'compute'> {
  /**
   * What matrices are kept as in memory; vectors (norms, biases) are float32 always.
   *
   * - `float32` (default): every bit that the file holds.
   * - `bfloat16`: half the memory and half the time to read it in decoding; rounds what the file holds with more bits.
   * - `packed`: the file's own blocks where the kernels multiply with them (Q8_0, Q4_0, Q4_1, Q4_K, Q6_K). They can't
   *   be trained. Matrices of other types become `format`, or dense: float32 with compute float32, else bfloat16.
   */
  readonly weights?: 'float32' | 'bfloat16' | 'packed';
  /**
   * With `weights: 'packed'`: what matrices that aren't packed in the file are quantised to. Default: they stay dense.
   */
  readonly format?: QuantizeFormat;
  /**
   * Precision of the inputs of matrix products and attention, and of the KV cache; accumulation, norms, softmax and the
   * residual stream are float32 always. Default float32. `int8` needs packed weights: their products round the
   * activations to 8 bits for each row and group of 32, and attention and the cache are bfloat16.
   */
  readonly compute?: Compute | 'int8';
  /** Gives up between two tensors and throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each tensor. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

/**
 * Builds a model of the weights of a source, one tensor in memory beside it at a time. Names and shapes of all tensors
 * are checked before the first one is read. Closes the source.
 */
export async function loadModel(source: WeightSource, blueprint: Blueprint, options: WeightsOptions): Promise<Model> {
  const made: LayerWeight[] = [];
  try {
    const storage = storageOf(options);
    const { signal, onProgress, compat } = options;
    const build = (init: Init): Model =>
      blueprint.build({ compute: storage.compute, ...(compat !== undefined && { compat }), init });
    const wanted = dryBuild(build, source);
    checkShapes(wanted, source);
    let totalBytes = 0;
    for (const { byteLength } of source.weights.values()) totalBytes += byteLength;
    let loadedBytes = 0;
    for (const [path, { shape, byteLength }] of source.weights) {
      signal?.throwIfAborted();
      const { order, kind } = wanted.get(path) ?? { order: 0, kind: 'constant' }; // none is missing: checked above
      made[order] = await storedWeight(await source.read(path), { shape, kind, storage });
      loadedBytes += byteLength;
      onProgress?.({ loadedBytes, totalBytes });
    }
    return build(replayed(made));
  } catch (error) {
    for (const weight of made) weight?.dispose();
    throw error;
  } finally {
    await source.close();
  }
}

/** What an initializer is asked for. */
export type WeightKind = 'normal' | 'matrix' | 'constant';

interface Wanted {
  /** Number of the call that asks the initializer for it. */
  readonly order: number;
  readonly kind: WeightKind;
  readonly shape: readonly number[];
}

/**
 * Builds the model of empty tensors to learn which call of the initializer makes which parameter: nothing is allocated
 * on the word of a configuration, and one with far more parameters than the file is given up at once. Of fewer than
 * that `checkShapes` can say which are missing.
 */
function dryBuild(build: (init: Init) => Model, { weights, where }: WeightSource): Map<string, Wanted> {
  const most = 2 * weights.size + 64;
  const calls = new Map<Tensor, Wanted>();
  const ask = (kind: WeightKind) => (shape: readonly number[]) => {
    if (calls.size >= most) {
      throw new ModelsError(
        'invalid_checkpoint',
        `[open] expected as many weights as the configuration describes, got fewer in ${where}; do they belong together?`,
      );
    }
    const placeholder = zeros([0]);
    calls.set(placeholder, { order: calls.size, kind, shape: [...shape] });
    return placeholder;
  };
  try {
    const model = build({ normal: ask('normal'), matrix: ask('matrix'), constant: ask('constant') });
    const wanted = new Map<string, Wanted>();
    for (const [path, weight] of model.namedWeights()) {
      const call = isTensor(weight) ? calls.get(weight) : undefined;
      if (call !== undefined) wanted.set(path, call);
    }
    return wanted;
  } finally {
    for (const placeholder of calls.keys()) placeholder.dispose();
  }
}

/** Gives the weights in the order in which they are asked for. */
function replayed(made: readonly LayerWeight[]): Init {
  let order = 0;
  const next = (): LayerWeight => {
    const weight = made[order++];
    if (weight === undefined) throw new ModelsError('invalid_checkpoint', '[open] expected one weight more, got none');
    return weight;
  };
  const dense = (): Tensor => {
    const weight = next();
    if (isTensor(weight)) return weight;
    throw new ModelsError('invalid_checkpoint', '[open] expected a dense weight, got a quantised one');
  };
  return { normal: dense, matrix: next, constant: dense };
}

function checkShapes(wanted: ReadonlyMap<string, Wanted>, { weights, where }: WeightSource): void {
  const shapes = <T extends { readonly shape: readonly number[] }>(map: ReadonlyMap<string, T>) =>
    new Map([...map].map(([path, { shape }]) => [path, shape]));
  const problems = stateProblems(shapes(wanted), shapes(weights));
  if (problems.length === 0) return;
  throw new ModelsError(
    'invalid_checkpoint',
    `[open] expected the weights that the configuration of ${where} describes; ${problems.join('; ')}`,
  );
}
