import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { FormatsError, systemCode } from '../errors.js';
import { readJsonFile, writeJsonFile } from '../json-file.js';
import { type SafetensorsHeader, quote } from './header.js';
import { findTensor, openSafetensors, type TensorReader } from './read.js';
import {
  type NamedTensors,
  type PlannedTensor,
  planTensors,
  type SafetensorsWriteOptions,
  type TensorToWrite,
  writePlanned,
} from './write.js';

const singleFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';
const shardName = /^model-\d{5}-of-\d{5}\.safetensors$/;
/** A plain file name: a shard never lies in another folder than its index. */
const plainName = /^[^/\\:\0]+\.safetensors$/;
const maxShards = 10_000;

const indexSchema = z.looseObject({
  metadata: z.looseObject({}).optional(),
  weight_map: z.record(
    z.string(),
    z.string().max(255).regex(plainName, 'expected a .safetensors file name without a path'),
  ),
});

/**
 * Opens the weights of a model folder: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names, behind one {@link TensorReader}. Shard headers are checked
 * against the index before anything is returned; tensors are read when asked for.
 *
 * @param path A model folder, a `.safetensors` file or a `.safetensors.index.json` file.
 * @throws FormatsError `missing_file` (no weights, or a shard absent), `invalid_json` (an index that is
 * no JSON object), `invalid_index` (no weight_map, a path that leaves the folder, shards that do not hold
 * what it says), `invalid_file`, `read_failed`.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { openCheckpoint, writeCheckpoint } from '@tessera-llm/formats';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * const zeros = { dtype: 'F32', shape: [2, 2], bytes: new Uint8Array(16) } as const;
 * await writeCheckpoint(folder, { a: zeros, b: zeros }, { maxShardBytes: 16 });
 * const reader = await openCheckpoint(folder); // two shards, one reader
 * console.log([...reader.tensors.keys()], (await reader.read('b')).shape); // ['a', 'b'] [2, 2]
 * await reader.close();
 * ```
 */
export async function openCheckpoint(path: string): Promise<TensorReader> {
  if (path.endsWith('.index.json')) return openSharded(path);
  if (await isFolder(path)) {
    const names = new Set(await readdir(path));
    if (names.has(singleFile)) return openSafetensors(join(path, singleFile));
    if (names.has(indexFile)) return openSharded(join(path, indexFile));
    const hint = [...names].some((name) => /\.(bin|pt|pth|ckpt)$/.test(name))
      ? '; pickled weights are never read, convert them to safetensors first'
      : '';
    throw new FormatsError(
      'missing_file',
      `[openCheckpoint] expected ${singleFile} or ${indexFile} in ${path}, got neither${hint}`,
    );
  }
  return openSafetensors(path);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    const code = systemCode(cause) ?? 'an error';
    throw new FormatsError(
      code === 'ENOENT' ? 'missing_file' : 'read_failed',
      `[openCheckpoint] expected a model folder or a safetensors file, got ${code} for ${path}`,
      { cause },
    );
  }
}

async function openSharded(indexPath: string): Promise<TensorReader> {
  const parsed = indexSchema.safeParse(await readJsonFile(indexPath));
  if (!parsed.success)
    throw badIndex(indexPath, 'a weight_map from tensor names to files', z.prettifyError(parsed.error));
  const weightMap = new Map(Object.entries(parsed.data.weight_map));
  const files = [...new Set(weightMap.values())];
  if (files.length > maxShards) throw badIndex(indexPath, `at most ${maxShards} shards`, `${files.length}`);

  const shards = new Map<string, TensorReader>();
  const close = async () => {
    await Promise.all([...shards.values()].map((shard) => shard.close()));
  };
  try {
    for (const file of files) shards.set(file, await openSafetensors(join(dirname(indexPath), file)));
    const { metadata, tensors } = merge(indexPath, weightMap, shards);
    const shardOf = (name: string): TensorReader => {
      findTensor(tensors, name, indexPath);
      const shard = shards.get(weightMap.get(name) ?? '');
      if (!shard) throw badIndex(indexPath, `a shard for ${quote(name)}`, 'none');
      return shard;
    };
    return {
      metadata,
      tensors,
      read: (name) => shardOf(name).read(name),
      readInto: (name, target) => shardOf(name).readInto(name, target),
      chunks: (name, options) => shardOf(name).chunks(name, options),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** One header over all shards; every tensor must be where the index says, and no shard may hold others. */
function merge(
  indexPath: string,
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, TensorReader>,
): SafetensorsHeader {
  const metadata: Record<string, string> = Object.create(null);
  const tensors = new Map<string, NonNullable<ReturnType<TensorReader['tensors']['get']>>>();
  for (const [file, shard] of shards) {
    Object.assign(metadata, shard.metadata);
    for (const [name, info] of shard.tensors) {
      if (weightMap.get(name) !== file) {
        throw badIndex(
          indexPath,
          `${quote(name)} of ${file} to be in the index`,
          `${weightMap.get(name) ?? 'nothing'}`,
        );
      }
      tensors.set(name, info);
    }
  }
  for (const [name, file] of weightMap) {
    if (!tensors.has(name)) throw badIndex(indexPath, `${file} to hold ${quote(name)}`, 'a shard without it');
  }
  return { metadata, tensors };
}

function badIndex(path: string, expected: string, got: string): FormatsError {
  return new FormatsError('invalid_index', `[openCheckpoint] expected ${expected}, got ${got.slice(0, 500)} (${path})`);
}

/** Options of {@link writeCheckpoint}. */
export interface CheckpointWriteOptions extends SafetensorsWriteOptions {
  /**
   * Largest data size of one file, in bytes; a larger tensor gets a file of its own. Default 5e9, which every file host
   * accepts.
   */
  readonly maxShardBytes?: number;
}

/**
 * Writes the weights of a model folder as `model.safetensors`, or as numbered shards with an index
 * when they exceed `maxShardBytes`; weight files of an earlier save with other names are then removed.
 * Each file is written atomically; to replace a whole folder atomically, write into the one that
 * {@link writeFolderAtomic} gives. The folder must exist.
 *
 * The metadata's default is `{ format: 'pt' }`, without which transformers refuses the file.
 *
 * @returns The names of the weight files.
 * @throws FormatsError `invalid_argument` for a `maxShardBytes` that is not above 0 and for what `writeSafetensors`
 * refuses, `write_failed`.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { writeCheckpoint } from '@tessera-llm/formats';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * const zeros = { dtype: 'F32', shape: [2, 2], bytes: new Uint8Array(16) } as const;
 * console.log(await writeCheckpoint(folder, { a: zeros, b: zeros })); // ['model.safetensors']
 * ```
 */
export async function writeCheckpoint(
  folder: string,
  tensors: NamedTensors<TensorToWrite>,
  { maxShardBytes = 5e9, metadata = { format: 'pt' } }: CheckpointWriteOptions = {},
): Promise<string[]> {
  if (!(maxShardBytes > 0)) {
    throw new FormatsError('invalid_argument', `[writeCheckpoint] expected maxShardBytes > 0, got ${maxShardBytes}`);
  }
  const shards = split(planTensors(tensors), maxShardBytes);
  const count = String(shards.length).padStart(5, '0');
  const names = shards.map((_, i) =>
    shards.length === 1 ? singleFile : `model-${String(i + 1).padStart(5, '0')}-of-${count}.safetensors`,
  );
  const weightMap: [string, string][] = [];
  let total = 0;
  for (const [i, shard] of shards.entries()) {
    const name = names[i] ?? singleFile;
    await writePlanned(join(folder, name), shard, { metadata });
    for (const tensor of shard) {
      weightMap.push([tensor.name, name]);
      total += tensor.byteLength;
    }
  }
  if (shards.length > 1) {
    weightMap.sort(([a], [b]) => (a < b ? -1 : 1));
    await writeJsonFile(join(folder, indexFile), {
      metadata: { total_size: total },
      weight_map: Object.fromEntries(weightMap),
    });
  }
  const kept = new Set(shards.length > 1 ? [...names, indexFile] : names);
  for (const old of await readdir(folder)) {
    const ours = old === singleFile || old === indexFile || shardName.test(old);
    if (!ours || kept.has(old)) continue;
    await rm(join(folder, old)).catch((cause: unknown) => {
      const code = systemCode(cause) ?? 'an error';
      throw new FormatsError(
        'write_failed',
        `[writeCheckpoint] expected an old file, got ${code}: ${join(folder, old)}`,
        {
          cause,
        },
      );
    });
  }
  return names;
}

function split(planned: readonly PlannedTensor[], maxShardBytes: number): PlannedTensor[][] {
  const shards: PlannedTensor[][] = [];
  let current: PlannedTensor[] = [];
  let size = 0;
  for (const tensor of planned) {
    if (current.length > 0 && size + tensor.byteLength > maxShardBytes) {
      shards.push(current);
      current = [];
      size = 0;
    }
    current.push(tensor);
    size += tensor.byteLength;
  }
  shards.push(current);
  return shards;
}
