import { type GgufNumberType, ggufValueSizes } from './value.js';

export const utf8 = new TextEncoder();

/** The first multiple of the alignment that is not below `at`. */
export const aligned = (at: number, alignment: number): number => Math.ceil(at / alignment) * alignment;

/** Little-endian bytes that grow as they are written. */
export class Growing {
  #buffer = new Uint8Array(1024);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  number(type: GgufNumberType, value: number): void {
    const at = this.#more(ggufValueSizes[type]);
    switch (type) {
      case 'uint8':
        return this.#view.setUint8(at, value);
      case 'int8':
        return this.#view.setInt8(at, value);
      case 'uint16':
        return this.#view.setUint16(at, value, true);
      case 'int16':
        return this.#view.setInt16(at, value, true);
      case 'uint32':
        return this.#view.setUint32(at, value, true);
      case 'int32':
        return this.#view.setInt32(at, value, true);
      case 'float32':
        return this.#view.setFloat32(at, value, true);
      case 'float64':
        return this.#view.setFloat64(at, value, true);
    }
  }

  u32(value: number): void {
    this.number('uint32', value);
  }

  u64(value: number): void {
    this.big(BigInt(value));
  }

  /** The two's complement of 64 bits, for signed and unsigned values. */
  big(value: bigint): void {
    const at = this.#more(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  text(text: string): void {
    const bytes = utf8.encode(text);
    const at = this.#more(bytes.byteLength);
    this.#buffer.set(bytes, at);
  }

  /** A text with its length before it. */
  string(text: string): void {
    this.u64(Buffer.byteLength(text));
    this.text(text);
  }

  pad(alignment: number): void {
    this.#more(aligned(this.#length, alignment) - this.#length);
  }

  /** Room for more bytes, zeros; what is written there needs the view as it is afterwards. */
  #more(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.byteLength) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#buffer);
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
