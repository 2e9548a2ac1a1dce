import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomic, writeFolderAtomic } from './atomic.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-atomic-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function* failing(): AsyncGenerator<Uint8Array, void, undefined> {
  yield new Uint8Array(1000);
  throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}

describe('writeFileAtomic', () => {
  it.each([
    ['text', 'grüße', 'grüße'],
    ['bytes', new TextEncoder().encode('abc'), 'abc'],
    ['pieces', [new TextEncoder().encode('a'), new Uint8Array(0), new TextEncoder().encode('bc')], 'abc'],
  ])('writes %s', async (_, content, expected) => {
    const path = join(folder, 'file');
    await writeFileAtomic(path, content);
    expect(await readFile(path, 'utf8')).toBe(expected);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('keeps the old file and leaves nothing behind when the content fails half-way', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'old');
    await expect(writeFileAtomic(path, failing())).rejects.toThrow('no space left');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('names the cause when the folder is missing, is a file, or a folder is in the way', async () => {
    await writeFile(join(folder, 'plain'), '');
    await mkdir(join(folder, 'taken', 'full'), { recursive: true });
    const refused = (path: string) => expect(writeFileAtomic(join(folder, path), 'x')).rejects;
    await refused('absent/file').toMatchObject({ code: 'write_failed', message: expect.stringContaining('ENOENT') });
    await refused('plain/file').toMatchObject({ code: 'write_failed', message: expect.stringContaining('ENOTDIR') });
    await refused('taken').toMatchObject({ code: 'write_failed' });
    expect((await readdir(folder)).sort()).toEqual(['plain', 'taken']);
  });
});

describe('writeFolderAtomic', () => {
  const fill = (text: string) => async (into: string) => {
    await writeFile(join(into, 'a'), text);
  };

  it('makes the folder, then replaces it whole', async () => {
    const path = join(folder, 'deep', 'checkpoint');
    await writeFolderAtomic(path, fill('one'));
    await writeFile(join(path, 'stale'), '');
    await writeFolderAtomic(path, fill('two'));
    expect(await readdir(path)).toEqual(['a']);
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('two');
    expect(await readdir(join(folder, 'deep'))).toEqual(['checkpoint']);
  });

  it('refuses a file and the working folder, both untouched', async () => {
    const path = join(folder, 'plain');
    await writeFile(path, 'old');
    await expect(writeFolderAtomic(path, fill('one'))).rejects.toMatchObject({ code: 'write_failed' });
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['plain']);
    for (const here of ['.', process.cwd()]) {
      const attempt = writeFolderAtomic(here, async () => expect.fail('filled'));
      await expect(attempt).rejects.toMatchObject({ code: 'write_failed', message: /working folder/ });
    }
  });

  it('keeps the old folder when filling the new one fails', async () => {
    const path = join(folder, 'checkpoint');
    await writeFolderAtomic(path, fill('one'));
    const attempt = writeFolderAtomic(path, async (into) => {
      await writeFile(join(into, 'a'), 'half');
      await writeFileAtomic(join(into, 'b'), failing());
    });
    await expect(attempt).rejects.toThrow('no space left');
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('one');
    expect(await readdir(folder)).toEqual(['checkpoint']);
  });
});
