import { dequantizeGguf, type GgufPlainValue, type GgufReader, ggufPlainValue } from '@tessera-llm/formats';
import { ModelsError } from '../errors';

/** Metadata of a GGUF file, read by key and checked by type. */
export class GgufFields {
  constructor(readonly file: GgufReader) {}

  /** Whether the file has a tensor of this name. */
  has(tensor: string): boolean {
    return this.file.tensors.has(tensor);
  }

  /** @throws ModelsError `invalid_config` for another type than a string. */
  string(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.wrong(key, 'a string', value);
  }

  /** @throws ModelsError `invalid_config` for another type than a number. */
  number(key: string): number | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw this.wrong(key, 'one number', value);
    return this.file.metadata.get(key)?.type === 'float32' ? shortest(value) : value;
  }

  /** @throws ModelsError `invalid_config` if the key is absent. */
  required(key: string): number {
    const value = this.number(key);
    if (value === undefined) throw this.wrong(key, 'a number', undefined);
    return value;
  }

  /** Number of elements of an array; 0 if the key is absent. */
  lengthOf(key: string): number {
    const value = this.#get(key);
    return Array.isArray(value) ? value.length : 0;
  }

  /** Values of a small tensor that belongs to the configuration; undefined if the file has none of this name. */
  async floats(tensor: string): Promise<number[] | undefined> {
    const info = this.file.tensors.get(tensor);
    if (info === undefined) return undefined;
    if (info.type !== 'F32' || info.byteLength > 2 ** 20) throw this.wrong(tensor, 'a short F32 tensor', info.type);
    return Array.from(dequantizeGguf(await this.file.read(tensor)), shortest);
  }

  wrong(key: string, expected: string, got: unknown): ModelsError {
    const shown =
      got === undefined ? 'nothing' : Array.isArray(got) ? 'an array' : JSON.stringify(String(got).slice(0, 60));
    return new ModelsError('invalid_config', `[open] expected ${expected} at ${key}, got ${shown} (${this.file.name})`);
  }

  #get(key: string): GgufPlainValue | undefined {
    const value = this.file.metadata.get(key);
    return value === undefined ? undefined : ggufPlainValue(value);
  }
}

/** The shortest decimal that stands for the same float32: 1e-5 for 0.00000999999974737875. */
function shortest(x: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === x) return short;
  }
  return x;
}
