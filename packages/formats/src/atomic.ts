import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FormatsError, systemCode } from './errors.js';

/** What {@link writeFileAtomic} writes: text, bytes, or pieces that are made while they are written. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

const maxWriteBytes = 1 << 30;

/**
 * Writes a file so that a reader sees the old content or the new, never a part: into a new file beside
 * it, flushed to the disk, then renamed over it. If anything fails (full disk, unwritable folder, an
 * exception from `content`) the old file is untouched and the new one is removed.
 *
 * @throws FormatsError `write_failed` when the operating system refuses; what `content` throws passes through.
 *
 * @example
 * ```ts
 * import { mkdtemp, readFile } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { writeFileAtomic } from '@tessera-llm/formats';
 *
 * const file = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'state.json');
 * await writeFileAtomic(file, '{"step":1}\n');
 * console.log(await readFile(file, 'utf8')); // {"step":1}
 * ```
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  const beside = besidePath(path);
  try {
    const handle = await system(path, () => open(beside, 'wx'));
    try {
      for await (const piece of pieces(content)) {
        for (let at = 0; at < piece.byteLength; ) {
          const length = Math.min(maxWriteBytes, piece.byteLength - at);
          at += (await system(path, () => handle.write(piece, at, length))).bytesWritten;
        }
      }
      await system(path, () => handle.sync());
    } finally {
      await handle.close();
    }
    await system(path, () => rename(beside, path));
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Writes a folder of files so that it appears whole or not at all: `fill` writes into a new folder
 * beside it, which then takes its place. Folders above it are made. An existing folder is moved aside
 * first and removed last; if the process dies between the two renames, the old content is in
 * `<path>.old-*`, complete.
 *
 * @throws FormatsError `write_failed`, also for a file in the place of the folder and for the folder that the process
 * works in, which can't be moved; what `fill` throws passes through, the old folder intact.
 *
 * @example
 * ```ts
 * import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { writeFolderAtomic } from '@tessera-llm/formats';
 *
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'model');
 * await writeFolderAtomic(folder, (staged) => writeFile(join(staged, 'config.json'), '{}'));
 * console.log(await readdir(folder)); // ['config.json']
 * ```
 */
export async function writeFolderAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await checkMovable(path);
  const beside = besidePath(path);
  const old = join(dirname(path), `${basename(path)}.old-${randomBytes(4).toString('hex')}`);
  try {
    await system(path, () => mkdir(dirname(path), { recursive: true }));
    await system(path, () => mkdir(beside));
    await fill(beside);
    await syncFolder(beside);
    const replaced = await rename(path, old).then(
      () => true,
      (error: unknown) => {
        if (systemCode(error) === 'ENOENT') return false;
        throw failed(path, error);
      },
    );
    await system(path, () => rename(beside, path)).catch(async (error: unknown) => {
      if (replaced) await rename(old, path);
      throw error;
    });
    await syncFolder(dirname(path));
    if (replaced) await system(path, () => rm(old, { recursive: true, force: true }));
  } catch (error) {
    await rm(beside, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
}

async function checkMovable(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  const got = found?.isDirectory() === false ? 'a file' : resolve(path) === process.cwd() && 'the working folder';
  if (got)
    throw new FormatsError('write_failed', `[write] expected a folder that can be replaced, got ${got}: ${path}`);
}

function besidePath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
}

async function* pieces(content: FileContent): AsyncGenerator<Uint8Array, void, undefined> {
  if (typeof content === 'string') yield new TextEncoder().encode(content);
  else if (content instanceof Uint8Array) yield content;
  else yield* content;
}

async function system<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw failed(path, cause);
  }
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'no permission to write here',
  EPERM: 'no permission to write here',
  EROFS: 'the file system is read-only',
  ENOENT: 'the folder does not exist',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'a folder of this name is in the way',
};

function failed(path: string, cause: unknown): FormatsError {
  const code = systemCode(cause) ?? 'an error';
  const hint = hints[code] ?? (cause instanceof Error ? cause.message : 'unknown cause');
  return new FormatsError(
    'write_failed',
    `[write] expected to write ${path}, got ${code}: ${hint}; what was there before is untouched`,
    { cause },
  );
}

/** Makes a rename survive a power cut. Windows cannot open folders and needs no such step. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r').catch(() => undefined);
  if (!handle) return;
  // Some network file systems refuse to sync a folder; the file itself is already safe then.
  await handle.sync().catch(() => {});
  await handle.close();
}
