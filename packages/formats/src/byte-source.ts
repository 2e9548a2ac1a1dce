import { open } from 'node:fs/promises';
import { FormatsError, systemCode } from './errors.js';

/**
 * Random access to bytes that need not be in memory: a file, a buffer, a range of a download.
 *
 * `read` fills the whole target or throws; it never returns fewer bytes.
 */
export interface ByteSource {
  /** What to call it in error messages: a path or an address. */
  readonly name: string;
  readonly byteLength: number;
  read(offset: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

// One read call takes at most 2^31 - 1 bytes on Linux and macOS; larger tensors come in pieces.
const maxReadBytes = 1 << 30;

/**
 * Opens a file as a {@link ByteSource}. Nothing is read until it is asked for.
 *
 * @throws FormatsError `missing_file` if there is no such file, `read_failed` if it cannot be opened.
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

/** A {@link ByteSource} over bytes in memory. */
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
