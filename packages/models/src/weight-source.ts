import { type GgufTensorType, type TensorReader, openCheckpoint } from '@tessera-llm/formats';
import type { FloatDType } from '@tessera-llm/tensor';
import type { Blueprint } from './architecture';
import { ModelsError } from './errors';
import { checkArchitecture } from './registry';

/** What is known of a weight before it is read. */
export interface WeightInfo {
  /** Its name in the file, for messages. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** A weight as a file holds it: elements, or blocks of a GGUF type along the rows. */
export type Weight =
  | { readonly dtype: FloatDType; readonly bytes: Uint8Array }
  | { readonly blocks: GgufTensorType; readonly bytes: Uint8Array };

/** Where a model's weights come from, under the paths of its parameters. */
export interface WeightSource {
  /** Folder or file, for messages. */
  readonly where: string;
  /** By parameter path, in the order of the file. */
  readonly weights: ReadonlyMap<string, WeightInfo>;
  read(path: string): Promise<Weight>;
  close(): Promise<void>;
}

const dtypes: Readonly<Record<string, FloatDType>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };

/** The safetensors of a folder. Names and dtypes of all tensors are checked before the first one is read. */
export async function openFolderWeights(folder: string, blueprint: Blueprint): Promise<WeightSource> {
  const reader = await openCheckpoint(folder);
  try {
    const { weights, repeats } = wantedTensors(reader, blueprint, folder);
    return {
      where: folder,
      weights,
      async read(path) {
        const name = weights.get(path)?.name ?? path;
        const { dtype, bytes } = await reader.read(name);
        const again = repeats.get(path);
        if (again !== undefined && !same({ dtype, bytes }, await reader.read(again.name))) {
          throw new ModelsError(
            'invalid_checkpoint',
            `[open] expected ${again.name} to equal ${name}, because tie_word_embeddings is true in config.json, got other values ` +
              `(${folder}); if the model has a head of its own set tie_word_embeddings to false, else leave ${again.name} out`,
          );
        }
        return { dtype: dtypeOf(dtype, path, folder), bytes };
      },
      close: () => reader.close(),
    };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

function same(a: { dtype: string; bytes: Uint8Array }, b: { dtype: string; bytes: Uint8Array }): boolean {
  return a.dtype === b.dtype && Buffer.compare(a.bytes, b.bytes) === 0;
}

/** The tensor of every parameter, and where the file holds one twice the other tensor. */
function wantedTensors(reader: TensorReader, blueprint: Blueprint, folder: string) {
  checkArchitecture(blueprint.config.model_type, new Set(reader.tensors.keys()));
  const weights = new Map<string, WeightInfo>();
  const repeats = new Map<string, WeightInfo>();
  for (const [name, { dtype, shape, byteLength }] of reader.tensors) {
    const path = blueprint.parameterOf(name);
    const repeated = path === null ? blueprint.repeatOf(name) : null;
    if (repeated !== null) repeats.set(repeated, { name, shape, byteLength });
    if (path === null && repeated === null) continue;
    dtypeOf(dtype, name, folder);
    if (path === null) continue;
    const other = weights.get(path)?.name;
    if (other !== undefined) {
      throw new ModelsError(
        'invalid_checkpoint',
        `[open] expected one tensor for ${path}, got ${other} and ${name} (${folder})`,
      );
    }
    weights.set(path, { name, shape, byteLength });
  }
  // Some savers keep the head's name of the two.
  for (const [path, info] of repeats) {
    if (weights.has(path)) continue;
    weights.set(path, info);
    repeats.delete(path);
  }
  return { weights, repeats };
}

function dtypeOf(dtype: string, name: string, folder: string): FloatDType {
  const known = dtypes[dtype];
  if (known !== undefined) return known;
  throw new ModelsError(
    'unsupported_dtype',
    `[open] expected weights in ${Object.keys(dtypes).join(', ')}, got ${dtype} for ${name} (${folder})`,
  );
}
