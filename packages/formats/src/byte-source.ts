import { open } from 'node:fs/promises';
import { FormatsError, systemCode } from './errors.js';

/** Random access to bytes that need not be in memory: a file, a buffer, a range of a download. */
export interface ByteSource {
  /** What to call it in error messages: a path or an address. */
  readonly name: string;
  /** Bytes in all. */
  readonly byteLength: number;
  /**
   * Fills the whole target with the bytes from `offset` on, or throws; it never gives fewer.
   *
   * @throws FormatsError `read_failed`, from the sources of this package.
   */
  read(offset: number, target: Uint8Array): Promise<void>;
  /** Frees the file; nothing can be read afterwards. */
  close(): Promise<void>;
}

// One read call takes at most 2^31 - 1 bytes on Linux and macOS; larger tensors come in pieces.
const maxReadBytes = 1 << 30;

/**
 * Opens a file as a {@link ByteSource}. Nothing is read until it is asked for.
 *
 * @throws FormatsError `missing_file` if there is no such file, `read_failed` if it cannot be opened or is a folder or
 * device.
 *
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { openFile } from '@tessera-llm/formats';
 *
 * const path = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'bytes');
 * await writeFile(path, new Uint8Array([1, 2, 3, 4]));
 * const source = await openFile(path);
 * const target = new Uint8Array(2);
 * await source.read(1, target);
 * console.log(source.byteLength, target); // 4 [2, 3]
 * await source.close();
 * ```
 */
export async function openFile(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    const missing = systemCode(cause) === 'ENOENT';
    throw new FormatsError(
      missing ? 'missing_file' : 'read_failed',
      `[openFile] expected a readable file, got ${systemCode(cause) ?? 'an error'} for ${path}`,
      { cause },
    );
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) {
      throw new FormatsError('read_failed', `[openFile] expected a file, got a folder or device: ${path}`);
    }
    return {
      name: path,
      byteLength: stat.size,
      async read(offset, target) {
        let done = 0;
        while (done < target.byteLength) {
          const length = Math.min(maxReadBytes, target.byteLength - done);
          const { bytesRead } = await handle.read(target, done, length, offset + done).catch((cause: unknown) => {
            throw new FormatsError('read_failed', `[read] ${systemCode(cause) ?? 'error'} in ${path}`, { cause });
          });
          if (bytesRead === 0) {
            throw new FormatsError(
              'read_failed',
              `[read] expected ${target.byteLength} bytes at ${offset}, got ${done} in ${path}; was the file cut while open?`,
            );
          }
          done += bytesRead;
        }
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * A {@link ByteSource} over bytes in memory, which are not copied. A read beyond them throws `read_failed`.
 *
 * @param name What error messages call it.
 *
 * @example
 * ```ts
 * import { bytesSource } from '@tessera-llm/formats';
 * const target = new Uint8Array(2);
 * await bytesSource(new Uint8Array([1, 2, 3, 4])).read(2, target);
 * console.log(target); // [3, 4]
 * ```
 */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): ByteSource {
  return {
    name,
    byteLength: bytes.byteLength,
    async read(offset, target) {
      if (offset < 0 || offset + target.byteLength > bytes.byteLength) {
        throw new FormatsError(
          'read_failed',
          `[read] expected ${target.byteLength} bytes at ${offset}, got ${bytes.byteLength} in all in ${name}`,
        );
      }
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
    close: async () => {},
  };
}
