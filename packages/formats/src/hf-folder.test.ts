import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig, readGenerationConfig, writeConfig, writeGenerationConfig } from './hf-folder.js';
import { readJsonFile } from './json-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-hf-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('config.json', () => {
  it('round-trips with every key as it was', async () => {
    const config = {
      model_type: 'llama',
      hidden_size: 8,
      rope_scaling: null,
      layer_types: ['full_attention'],
      nested: { a: [1.5, true] },
    };
    await writeConfig(folder, config);
    expect(await readConfig(folder)).toEqual(config);
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toMatch(/^\{\n {2}"model_type": "llama",\n/);
  });

  it.each([
    ['{"model_type": 3}', /model_type to be a string, got 3/],
    ['{}', /got nothing/],
    ['[]', /expected an object at the top level, got an array/],
    ['{"a":', /expected JSON/],
  ])('refuses %s', async (text, message) => {
    await writeFile(join(folder, 'config.json'), text);
    await expect(readConfig(folder)).rejects.toThrow(message);
    await expect(readConfig(folder)).rejects.toMatchObject({ code: 'invalid_json' });
  });

  it('is missed with a typed error, and limited in size', async () => {
    await expect(readConfig(join(folder, 'absent'))).rejects.toMatchObject({ code: 'missing_file' });
    await writeFile(join(folder, 'big.json'), '{"a":"0123456789"}');
    await expect(readJsonFile(join(folder, 'big.json'), { maxBytes: 10 })).rejects.toThrow(/at most 10 bytes, got 18/);
  });
});

describe('generation_config.json', () => {
  it('is optional', async () => {
    expect(await readGenerationConfig(folder)).toBeUndefined();
    await writeGenerationConfig(folder, { eos_token_id: [1, 2] });
    expect(await readGenerationConfig(folder)).toEqual({ eos_token_id: [1, 2] });
  });
});
