import { type ByteSource, openFile } from '../byte-source.js';
import { FormatsError } from '../errors.js';
import type { RawTensor } from './dtype.js';
import { headerLength, parseHeader, quote, type SafetensorsHeader, type TensorInfo } from './header.js';

/**
 * Named tensors that are read one at a time: one safetensors file, or the shards of a checkpoint
 * behind one index. Memory holds the header and whatever the caller asked for, nothing else.
 */
export interface TensorReader extends SafetensorsHeader {
  /**
   * Reads one tensor into memory of its own (aligned for every dtype).
   *
   * @throws FormatsError `missing_tensor`, `read_failed`
   */
  read(name: string): Promise<RawTensor>;
  /**
   * Reads one tensor into the caller's memory, which must have exactly its length.
   *
   * @throws FormatsError `missing_tensor`, `invalid_argument`, `read_failed`
   */
  readInto(name: string, target: Uint8Array): Promise<TensorInfo>;
  /**
   * The bytes of one tensor in order, in pieces of at most `chunkBytes` (16 MiB unless told), whole
   * elements each. A piece is valid until the next one is asked for.
   *
   * @throws FormatsError `missing_tensor`, `invalid_argument` for a `chunkBytes` below 24, `read_failed`
   */
  chunks(name: string, options?: { chunkBytes?: number }): AsyncGenerator<Uint8Array, void, undefined>;
  /** Closes the file or files; the header stays, nothing more can be read. */
  close(): Promise<void>;
}

/**
 * Opens a safetensors file lazily: reads and checks the header, then each tensor when it is asked for.
 *
 * @param source A path, or any {@link ByteSource}. The reader owns it: `close()` closes it, and so
 * does a failed check.
 * @throws FormatsError `missing_file`, `read_failed`, or `invalid_file` for anything malformed:
 * hostile lengths, unknown dtypes, duplicate names, overlapping or missing ranges, a cut file.
 * @see [The safetensors format](https://github.com/huggingface/safetensors#format).
 *
 * @example
 * ```ts
 * import { bytesSource, openSafetensors, serializeSafetensors, toFloat32 } from '@tessera-llm/formats';
 *
 * const bytes = new Uint8Array(new Float32Array([1, 2]).buffer);
 * const file = serializeSafetensors({ w: { dtype: 'F32', shape: [2], bytes } });
 * const reader = await openSafetensors(bytesSource(file));
 * console.log(toFloat32(await reader.read('w'))); // Float32Array [1, 2]
 * await reader.close();
 * ```
 */
export async function openSafetensors(source: string | ByteSource): Promise<TensorReader> {
  const bytes = typeof source === 'string' ? await openFile(source) : source;
  try {
    const prefix = new Uint8Array(Math.min(8, bytes.byteLength));
    await bytes.read(0, prefix);
    const header = new Uint8Array(headerLength(prefix, bytes.byteLength, bytes.name));
    await bytes.read(8, header);
    return reader(parseHeader(header, bytes.byteLength, bytes.name), bytes);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

function reader(header: SafetensorsHeader, source: ByteSource): TensorReader {
  const find = (name: string) => findTensor(header.tensors, name, source.name);
  return {
    ...header,
    async read(name) {
      const info = find(name);
      const bytes = new Uint8Array(info.byteLength);
      await source.read(info.byteOffset, bytes);
      return { dtype: info.dtype, shape: info.shape, bytes };
    },
    async readInto(name, target) {
      const info = find(name);
      if (target.byteLength !== info.byteLength) {
        throw new FormatsError(
          'invalid_argument',
          `[readInto] expected a target of ${info.byteLength} bytes for ${quote(name)}, got ${target.byteLength}`,
        );
      }
      await source.read(info.byteOffset, target);
      return info;
    },
    async *chunks(name, { chunkBytes = 16 << 20 } = {}) {
      const info = find(name);
      // 24 is a multiple of every element size, 6-bit elements (4 in 3 bytes) included.
      if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 24) {
        throw new FormatsError('invalid_argument', `[chunks] expected chunkBytes >= 24, got ${chunkBytes}`);
      }
      const buffer = new Uint8Array(Math.min(chunkBytes - (chunkBytes % 24), info.byteLength));
      for (let at = 0; at < info.byteLength; at += buffer.byteLength) {
        const piece = buffer.subarray(0, Math.min(buffer.byteLength, info.byteLength - at));
        await source.read(info.byteOffset + at, piece);
        yield piece;
      }
    },
    close: () => source.close(),
  };
}

/** The entry of a tensor. @throws FormatsError `missing_tensor` */
export function findTensor(tensors: ReadonlyMap<string, TensorInfo>, name: string, file: string): TensorInfo {
  const info = tensors.get(name);
  if (info) return info;
  const some = [...tensors.keys()].slice(0, 5).map(quote).join(', ');
  throw new FormatsError(
    'missing_tensor',
    `[safetensors] expected a tensor ${quote(name)}, got ${tensors.size} others (${some}${tensors.size > 5 ? ', ...' : ''}) in ${file}`,
  );
}

/** A safetensors file that lies in memory as a whole. */
export interface ParsedSafetensors {
  /** The free-form `__metadata__` strings, `{}` if there are none. The record has no prototype. */
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, RawTensor>;
}

/**
 * Parses a safetensors file that is already in memory. The tensors' bytes are views of `file`, not
 * copies, and need not be aligned; {@link toFloat32} and {@link toTypedArray} take care of that.
 *
 * @param name What error messages call it.
 * @throws FormatsError `invalid_file`, as {@link openSafetensors}
 *
 * @example
 * ```ts
 * import { parseSafetensors, serializeSafetensors } from '@tessera-llm/formats';
 * const file = serializeSafetensors({ ids: { dtype: 'U8', shape: [3], bytes: new Uint8Array([1, 2, 3]) } });
 * console.log(parseSafetensors(file).tensors.get('ids')?.bytes); // [1, 2, 3]
 * ```
 */
export function parseSafetensors(file: Uint8Array, name = 'bytes'): ParsedSafetensors {
  const length = headerLength(file.subarray(0, 8), file.byteLength, name);
  const header = parseHeader(file.subarray(8, 8 + length), file.byteLength, name);
  const tensors = new Map<string, RawTensor>();
  for (const [key, { dtype, shape, byteOffset, byteLength }] of header.tensors) {
    tensors.set(key, { dtype, shape, bytes: file.subarray(byteOffset, byteOffset + byteLength) });
  }
  return { metadata: header.metadata, tensors };
}
