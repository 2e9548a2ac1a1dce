import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type RunDescription, checkSameRun, packageVersions, readRunFile, writeRunFile } from './run-file';

const run: RunDescription = {
  configuration: { steps: 100, model: { hidden_size: 192, layers: [1, 2] } },
  seeds: { weights: 1, data: 2 },
  data: { train: 'abc' },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-run-'));
});

describe('run.json', () => {
  it('comes back as it was written', async () => {
    expect(await readRunFile(folder)).toBeUndefined();
    const about = { versions: { node: '20.19.0' }, environment: { platform: 'linux' } };
    await writeRunFile(folder, run, about);
    expect(await readRunFile(folder)).toEqual({ format: 1, ...run, ...about });
  });

  it('of another form is refused', async () => {
    await writeFile(join(folder, 'run.json'), '{"format": 2}');
    await expect(readRunFile(folder)).rejects.toMatchObject({ code: 'checkpoint' });
  });
});

describe('checkSameRun', () => {
  it('accepts equal runs in any order of keys', () => {
    checkSameRun(run, { ...run, configuration: { model: { layers: [1, 2], hidden_size: 192 }, steps: 100 } });
  });

  it('names what differs', () => {
    const other = {
      ...run,
      configuration: { steps: 100, model: { hidden_size: 256, layers: [1, 2] }, extra: true },
      data: {},
    };
    expect(() => checkSameRun(run, other)).toThrow(
      /configuration\.model\.hidden_size was 192 and is 256; configuration\.extra was absent and is true; data\.train was "abc" and is absent/,
    );
  });
});

it('packageVersions finds the version of an installed package', () => {
  const versions = packageVersions(['zod'], import.meta.url);
  expect(versions.zod).toMatch(/^4\./);
  expect(versions.node).toBe(process.versions.node);
});
