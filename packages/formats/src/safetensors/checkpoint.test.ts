import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toFloat32 } from '../floats.js';
import { openCheckpoint, writeCheckpoint } from './checkpoint.js';
import { serializeSafetensors } from './write.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true }));

const f32 = (...values: number[]) => ({
  dtype: 'F32' as const,
  shape: [values.length],
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const tensors = { a: f32(1, 2), b: f32(3, 4, 5), c: f32(6) };

async function valuesOf(path: string): Promise<Record<string, number[]>> {
  const reader = await openCheckpoint(path);
  const result: Record<string, number[]> = {};
  for (const name of reader.tensors.keys()) result[name] = [...toFloat32(await reader.read(name))];
  await reader.close();
  return result;
}

const expected = { a: [1, 2], b: [3, 4, 5], c: [6] };

describe('writeCheckpoint and openCheckpoint', () => {
  it('write one file, marked for transformers', async () => {
    expect(await writeCheckpoint(folder, tensors)).toEqual(['model.safetensors']);
    expect(await valuesOf(folder)).toEqual(expected);
    const reader = await openCheckpoint(folder);
    expect({ ...reader.metadata }).toEqual({ format: 'pt' });
    await reader.close();
  });

  it('split by size, never a tensor, and clear away the other form', async () => {
    await writeCheckpoint(folder, tensors);
    await writeCheckpoint(folder, tensors, { maxShardBytes: 12 });
    const files = [
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
    ];
    expect((await readdir(folder)).sort()).toEqual([...files, 'model.safetensors.index.json']);
    expect(JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'))).toEqual({
      metadata: { total_size: 24 },
      weight_map: { a: files[0], b: files[1], c: files[2] },
    });
    expect(await valuesOf(folder)).toEqual(expected);
    await writeCheckpoint(folder, tensors, { maxShardBytes: 1e9 });
    expect(await readdir(folder)).toEqual(['model.safetensors']);
    expect(await valuesOf(folder)).toEqual(expected);
  });

  it('gives a tensor beyond the limit a shard of its own', async () => {
    await writeCheckpoint(folder, tensors, { maxShardBytes: 1 });
    expect(await valuesOf(folder)).toEqual(expected);
  });

  it('say what is missing, and that pickles are not read', async () => {
    await writeFile(join(folder, 'pytorch_model.bin'), '');
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'missing_file',
      message: expect.stringContaining('pickled'),
    });
    await expect(openCheckpoint(join(folder, 'absent'))).rejects.toMatchObject({ code: 'missing_file' });
    await expect(writeCheckpoint(folder, tensors, { maxShardBytes: Number.NaN })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });

  it.each([
    ['no weight_map', {}, 'invalid_index'],
    ['a path upwards', { weight_map: { a: '../x.safetensors' } }, 'invalid_index'],
    ['a Windows path', { weight_map: { a: 'C:x.safetensors' } }, 'invalid_index'],
    ['a number as file', { weight_map: { a: 1 } }, 'invalid_index'],
    ['a shard without the tensor', { weight_map: { a: 's.safetensors', z: 's.safetensors' } }, 'invalid_index'],
    ['a tensor of the shard unnamed', { weight_map: {} }, undefined],
    ['a shard with more tensors than the index names', { weight_map: { z: 's.safetensors' } }, 'invalid_index'],
    ['an absent shard', { weight_map: { a: 't.safetensors' } }, 'missing_file'],
  ])('refuse an index with %s', async (_, index, code) => {
    await writeFile(join(folder, 's.safetensors'), serializeSafetensors({ a: f32(1) }));
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
    if (code === undefined) expect((await openCheckpoint(folder)).tensors.size).toBe(0);
    else await expect(openCheckpoint(folder)).rejects.toMatchObject({ code });
  });
});
