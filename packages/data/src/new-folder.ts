import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, isDataError, systemCode } from './errors.js';

/** Appends to a new file and flushes it to the disk at the end. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

/**
 * Lets `fill` write into a new folder beside `path`, which then takes its place: `path` is the old
 * folder or the complete new one, never a part. `files` is how `fill` makes its files.
 *
 * @throws DataError `write_failed`; what `fill` throws passes through. The old folder is intact then.
 */
export async function writeNewFolder<T>(
  path: string,
  fill: (create: (name: string) => Promise<FileWriter>) => Promise<T>,
): Promise<T> {
  const suffix = randomBytes(4).toString('hex');
  const beside = join(dirname(path), `.${basename(path)}.${suffix}.tmp`);
  const old = join(dirname(path), `.${basename(path)}.${suffix}.old`);
  const writers = new Set<{ close(): Promise<void> }>();
  const system = async <R>(call: () => Promise<R>): Promise<R> => {
    try {
      return await call();
    } catch (cause) {
      if (isDataError(cause)) throw cause;
      const code = systemCode(cause) ?? 'an error';
      const hint = code === 'ENOSPC' ? ': the disk is full' : '';
      throw new DataError(
        'write_failed',
        `[write] expected to write ${path}, got ${code}${hint}; what was there before is untouched`,
        { cause },
      );
    }
  };
  try {
    await system(() => mkdir(beside, { recursive: true }));
    const result = await fill(async (name) => {
      const handle = await system(() => open(join(beside, name), 'wx'));
      writers.add(handle);
      return {
        write: (bytes) => system(() => handle.writeFile(bytes)),
        end: () =>
          system(async () => {
            await handle.sync();
            writers.delete(handle);
            await handle.close();
          }),
      };
    });
    const replaced = await system(() =>
      rename(path, old).then(
        () => true,
        (error: unknown) => {
          if (systemCode(error) === 'ENOENT') return false;
          throw error;
        },
      ),
    );
    await system(() => rename(beside, path)).catch(async (error: unknown) => {
      if (replaced) await rename(old, path);
      throw error;
    });
    if (replaced) await system(() => rm(old, { recursive: true, force: true }));
    return result;
  } catch (error) {
    for (const handle of writers) await handle.close().catch(() => {});
    await rm(beside, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
}
