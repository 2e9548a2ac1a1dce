import { FormatsError } from '../errors.js';

/** Thrown when a header reaches beyond the bytes read so far: read at least `bytes` and begin again. */
export class NeedMore extends Error {
  constructor(readonly bytes: number) {
    super(`the header needs ${bytes} bytes`);
  }
}

/** No model's header comes near it; it bounds what a hostile file can make a reader hold. */
export const maxGgufHeaderBytes = 256 << 20;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads little-endian values off the beginning of a file, none of them from beyond its end. */
export class Cursor {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /**
   * @param bytes The beginning of the file.
   * @param fileBytes Length of the whole file.
   */
  constructor(
    bytes: Uint8Array,
    readonly fileBytes: number,
    readonly file: string,
  ) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes of the file that aren't read yet. */
  get left(): number {
    return this.fileBytes - this.at;
  }

  /** @throws FormatsError `invalid_file`, always. */
  refuse(expected: string, got: string): never {
    throw new FormatsError('invalid_file', `[gguf] expected ${expected}, got ${got} in ${this.file}`);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }
  i16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }
  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }
  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** A length or a count of things that take `itemBytes` each at least: never more than the rest of the file holds. */
  count(what: string, itemBytes: number, most: number): number {
    const n = this.u64();
    if (n > BigInt(most)) this.refuse(`${what} of at most ${most}`, `${n}`);
    if (Number(n) * itemBytes > this.left) {
      this.refuse(`${what} that the remaining ${this.left} bytes can hold`, `${n}; the file is cut or damaged`);
    }
    return Number(n);
  }

  /** A string with its length before it. @param most Bytes at most. */
  string(what: string, most: number): string {
    const length = this.count(`a length of ${what}`, 1, most);
    const from = this.#take(length);
    try {
      return utf8.decode(this.#bytes.subarray(from, from + length));
    } catch {
      return this.refuse(`${what} in UTF-8`, `invalid bytes at ${from}`);
    }
  }

  #take(length: number): number {
    const from = this.at;
    const to = from + length;
    if (to > this.#bytes.byteLength) {
      if (to > this.fileBytes) this.refuse(`${length} bytes at ${from}`, `the end of the file; it is cut`);
      if (to > maxGgufHeaderBytes) this.refuse(`a header of at most ${maxGgufHeaderBytes} bytes`, 'a longer one');
      throw new NeedMore(to);
    }
    this.at = to;
    return from;
  }
}
