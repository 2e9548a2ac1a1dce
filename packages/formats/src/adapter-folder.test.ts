import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAdapter, writeAdapter } from './adapter-folder.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-adapter-'));
});
afterAll(() => rm(root, { recursive: true }));

const config = { peft_type: 'LORA', r: 2, target_modules: ['q_proj'], rank_pattern: {}, revision: null };
const array = (...values: number[]) =>
  ({ dtype: 'F32', shape: [1, values.length], bytes: new Uint8Array(Float32Array.from(values).buffer) }) as const;

describe('an adapter folder', () => {
  it('round-trips, keeps other files and replaces its own', async () => {
    const folder = join(root, 'a');
    await mkdir(folder);
    await writeFile(join(folder, 'README.md'), 'kept');
    await writeAdapter(folder, { config, tensors: { old: array(1) } });
    await writeAdapter(folder, { config: { ...config, r: 3 }, tensors: { 'x.lora_A.weight': array(1, 2) } });
    const { config: got, tensors } = await readAdapter(folder);
    expect(got).toEqual({ ...config, r: 3 });
    expect([...tensors]).toEqual([['x.lora_A.weight', array(1, 2)]]);
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('kept');
    expect((await readdir(root)).filter((name) => name !== 'a')).toEqual([]);
  });

  it('leaves the old one whole where writing fails', async () => {
    const folder = join(root, 'b');
    await writeAdapter(folder, { config, tensors: { w: array(5) } });
    const broken = { dtype: 'F32', shape: [1], bytes: () => Promise.reject(new Error('no values')) } as const;
    await expect(writeAdapter(folder, { config: { ...config, r: 9 }, tensors: { w: broken } })).rejects.toThrow(
      'no values',
    );
    const { config: got, tensors } = await readAdapter(folder);
    expect(got.r).toBe(2);
    expect(tensors.get('w')).toEqual(array(5));
    expect(await readdir(root)).toEqual(expect.not.arrayContaining([expect.stringMatching(/tmp|old/)]));
  });

  it('refuses what is none, with typed errors', async () => {
    await expect(readAdapter(join(root, 'absent'))).rejects.toMatchObject({ code: 'missing_file' });
    const folder = join(root, 'c');
    await mkdir(folder);
    await writeFile(join(folder, 'adapter_config.json'), '{"r": 8}');
    await expect(readAdapter(folder)).rejects.toThrow(/peft_type to be a string, got nothing/);
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config));
    await expect(readAdapter(folder)).rejects.toMatchObject({ code: 'missing_file' });
    await writeFile(join(folder, 'adapter_model.safetensors'), 'not tensors');
    await expect(readAdapter(folder)).rejects.toMatchObject({ code: 'invalid_file' });
  });
});
