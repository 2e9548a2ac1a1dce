import { type ByteSource, openFile } from '../byte-source.js';
import { FormatsError } from '../errors.js';
import { quote } from '../safetensors/header.js';
import { Cursor, NeedMore } from './cursor.js';
import { type GgufHeader, type GgufTensorInfo, parseGgufHeader } from './header.js';
import { type GgufTensor, ggufTypes } from './tensor-type.js';

/** A GGUF file whose tensors are read one at a time; memory holds the header and what the caller asked for. */
export interface GgufReader extends GgufHeader {
  /** The file's name, for messages. */
  readonly name: string;
  /** Reads one tensor into memory of its own. @throws FormatsError `missing_tensor`, `read_failed` */
  read(name: string): Promise<GgufTensor>;
  /**
   * Reads one tensor into the caller's memory, which must have exactly its length.
   *
   * @throws FormatsError `missing_tensor`, `invalid_argument`, `read_failed`
   */
  readInto(name: string, target: Uint8Array): Promise<GgufTensorInfo>;
  /**
   * The bytes of one tensor in order, in pieces of at most `chunkBytes` (16 MiB unless told), whole blocks each. A
   * piece is valid until the next one is asked for.
   *
   * @throws FormatsError `missing_tensor`, `invalid_argument` for a `chunkBytes` below one block, `read_failed`
   */
  chunks(name: string, options?: { chunkBytes?: number }): AsyncGenerator<Uint8Array, void, undefined>;
  /** Closes the file; the header stays, nothing more can be read. */
  close(): Promise<void>;
}

const firstBytes = 1 << 20;

/**
 * Opens a GGUF file (version 2 or 3) lazily: reads and checks the header, then each tensor when it is asked for.
 *
 * @param source A path, or any {@link ByteSource}. The reader owns it: `close()` closes it, and so does a failed check.
 * @throws FormatsError `missing_file`, `read_failed`, or `invalid_file` for anything malformed: hostile counts and
 * lengths, unknown types, names twice, tensors that are misaligned, overlap or lie beyond the end.
 *
 * @example
 * ```ts
 * import { bytesSource, dequantizeGguf, openGguf, serializeGguf } from '@tessera-llm/formats';
 * const file = serializeGguf({
 *   metadata: { 'general.architecture': { type: 'string', value: 'llama' } },
 *   tensors: { w: { type: 'F32', shape: [2], bytes: new Uint8Array(new Float32Array([1, 2]).buffer) } },
 * });
 * const reader = await openGguf(bytesSource(file));
 * console.log(reader.metadata.get('general.architecture')?.value); // 'llama'
 * console.log(dequantizeGguf(await reader.read('w'))); // Float32Array [1, 2]
 * await reader.close();
 * ```
 *
 * Reference: [the GGUF format](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 */
export async function openGguf(source: string | ByteSource): Promise<GgufReader> {
  const bytes = typeof source === 'string' ? await openFile(source) : source;
  try {
    return reader(await readHeader(bytes), bytes);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

/** Parses longer and longer beginnings of the file: the header doesn't say how long it is. */
async function readHeader(source: ByteSource): Promise<GgufHeader> {
  for (let length = Math.min(firstBytes, source.byteLength); ; ) {
    const beginning = new Uint8Array(length);
    await source.read(0, beginning);
    try {
      return parseGgufHeader(new Cursor(beginning, source.byteLength, source.name));
    } catch (error) {
      if (!(error instanceof NeedMore)) throw error;
      length = Math.min(Math.max(4 * length, error.bytes), source.byteLength);
    }
  }
}

function reader(header: GgufHeader, source: ByteSource): GgufReader {
  const find = (name: string): GgufTensorInfo => {
    const info = header.tensors.get(name);
    if (info) return info;
    const some = [...header.tensors.keys()].slice(0, 5).map(quote).join(', ');
    throw new FormatsError(
      'missing_tensor',
      `[gguf] expected a tensor ${quote(name)}, got ${header.tensors.size} others (${some}, …) in ${source.name}`,
    );
  };
  return {
    ...header,
    name: source.name,
    async read(name) {
      const { type, shape, byteOffset, byteLength } = find(name);
      const bytes = new Uint8Array(byteLength);
      await source.read(byteOffset, bytes);
      return { type, shape, bytes };
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
      const { type, byteOffset, byteLength } = find(name);
      const { typeSize } = ggufTypes[type];
      if (!Number.isSafeInteger(chunkBytes) || chunkBytes < typeSize) {
        throw new FormatsError('invalid_argument', `[chunks] expected chunkBytes >= ${typeSize}, got ${chunkBytes}`);
      }
      const buffer = new Uint8Array(Math.min(chunkBytes - (chunkBytes % typeSize), byteLength));
      for (let at = 0; at < byteLength; at += buffer.byteLength) {
        const piece = buffer.subarray(0, Math.min(buffer.byteLength, byteLength - at));
        await source.read(byteOffset + at, piece);
        yield piece;
      }
    },
    close: () => source.close(),
  };
}
