import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, systemCode } from './errors.js';

/** Appends to a new file and flushes it to the disk at the end. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

/**
 * Lets `fill` write into a new folder beside `path`, which then takes its place: `path` is the old
 * folder or the complete new one, never a part. `create` is how `fill` makes its files.
 *
 * @param ours Names of files that an earlier call may have made. A folder that has others is not replaced: they would be
 * lost.
 * @throws DataError `write_failed`; what `fill` throws passes through. The old folder is intact then.
 */
export async function writeNewFolder<T>(
  path: string,
  ours: RegExp,
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
      if (cause instanceof DataError) throw cause;
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
    await checkReplaceable(path, ours);
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
    // Again: `fill` may have taken hours.
    await checkReplaceable(path, ours);
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

async function checkReplaceable(path: string, ours: RegExp): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (cause) {
    // What else is wrong with the folder, the writing itself will tell.
    if (systemCode(cause) !== 'ENOTDIR') return;
    throw new DataError('write_failed', `[write] expected a folder, got a file: ${path}`, { cause });
  }
  const other = names.find((name) => !ours.test(name));
  if (other === undefined) return;
  throw new DataError(
    'write_failed',
    `[write] expected a new folder, or an earlier one of token shards to replace, got ${path} that also holds ${other}; give a folder of its own`,
  );
}
