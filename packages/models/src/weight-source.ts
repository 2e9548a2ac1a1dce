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
    const weights = wantedTensors(reader, blueprint, folder);
    return {
      where: folder,
      weights,
      async read(path) {
        const { dtype, bytes } = await reader.read(weights.get(path)?.name ?? path);
        return { dtype: dtypeOf(dtype, path, folder), bytes };
      },
      close: () => reader.close(),
    };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

function wantedTensors(reader: TensorReader, blueprint: Blueprint, folder: string): Map<string, WeightInfo> {
  checkArchitecture(blueprint.config.model_type, new Set(reader.tensors.keys()));
  const weights = new Map<string, WeightInfo>();
  for (const [name, { dtype, shape, byteLength }] of reader.tensors) {
    const path = blueprint.parameterOf(name);
    if (path === null) continue;
    dtypeOf(dtype, name, folder);
    const other = weights.get(path)?.name;
    if (other !== undefined) {
      throw new ModelsError(
        'invalid_checkpoint',
        `[open] expected one tensor for ${path}, got ${other} and ${name} (${folder})`,
      );
    }
    weights.set(path, { name, shape, byteLength });
  }
  return weights;
}

function dtypeOf(dtype: string, name: string, folder: string): FloatDType {
  const known = dtypes[dtype];
  if (known !== undefined) return known;
  throw new ModelsError(
    'unsupported_dtype',
    `[open] expected weights in ${Object.keys(dtypes).join(', ')}, got ${dtype} for ${name} (${folder})`,
  );
}
