import { mkdir, mkdtemp, readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { CheckpointStore } from './checkpoint-store';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-store-'));
});

const write = (text: string) => (at: string) => writeFile(join(at, 'state.json'), text);

describe('CheckpointStore', () => {
  it('keeps the newest checkpoints and the protected ones', async () => {
    const store = new CheckpointStore(folder, { keep: 2 });
    for (const step of [1, 2, 3, 4]) await store.save(step, write(`${step}`), [1]);
    expect(await store.steps()).toEqual([1, 3, 4]);
    expect(await readFile(join(store.path(4), 'state.json'), 'utf8')).toBe('4');
  });

  it('loses nothing when writing fails half-way', async () => {
    const store = new CheckpointStore(folder, { keep: 1 });
    await store.save(1, write('good'));
    const failing = store.save(2, async (at) => {
      await write('half')(at);
      throw new Error('disk full');
    });
    await expect(failing).rejects.toThrow('disk full');
    expect(await readdir(folder)).toEqual(['step-00000001']);
  });

  it('replaces a checkpoint of the same step', async () => {
    const store = new CheckpointStore(folder);
    await store.save(1, write('old'));
    await store.save(1, write('new'));
    expect(await readFile(join(store.path(1), 'state.json'), 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['step-00000001']);
  });

  it('repairs what a killed process left', async () => {
    const store = new CheckpointStore(folder);
    await store.save(5, write('5'));
    for (const name of ['.step-00000006.123-ab.tmp', 'step-00000005.old-00', 'step-00000004.old-01', 'unrelated']) {
      await mkdir(join(folder, name));
    }
    await store.repair();
    expect((await readdir(folder)).sort()).toEqual(['step-00000004', 'step-00000005', 'unrelated']);
    expect(await store.steps()).toEqual([4, 5]);
  });

  it('names a folder that is none', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(new CheckpointStore(join(folder, 'file')).steps()).rejects.toMatchObject({ code: 'checkpoint' });
    expect(() => new CheckpointStore(folder, { keep: 0 })).toThrow(/keep/);
  });
});
