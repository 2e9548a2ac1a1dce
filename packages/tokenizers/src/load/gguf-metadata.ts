import { isRecord, shown } from '../config';
import { TokenizerError } from '../errors';

/**
 * Metadata of a GGUF file as plain values: strings, numbers, booleans, and lists of them (typed arrays too). Only keys
 * that begin with `tokenizer.` are looked at, and `general.name` and `general.architecture`, by which llama.cpp knows
 * the models whose added tokens take spaces.
 */
export type GgufMetadata = Readonly<Record<string, unknown>>;

function failed(key: string, expected: string, got: unknown, more = ''): TokenizerError {
  return new TokenizerError('invalid_file', `[gguf] ${key}: expected ${expected}, got ${shown(got)}${more}`);
}

/** Whole numbers of GGUF's 64-bit types come as bigints. */
function toNumber(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/** Reads metadata value by value; every error names the key. */
export class MetadataReader {
  constructor(private readonly metadata: GgufMetadata) {
    if (!isRecord(metadata)) throw failed('metadata', 'an object of values by key', metadata);
  }

  private get(key: string): unknown {
    return Object.hasOwn(this.metadata, key) ? (this.metadata[key] ?? undefined) : undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  string(key: string): string | null {
    const value = this.get(key);
    if (value === undefined) return null;
    if (typeof value !== 'string') throw failed(key, 'a string', value);
    return value;
  }

  /** For what has no meaning of its own here: anything but a string is none. */
  text(key: string): string {
    const value = this.get(key);
    return typeof value === 'string' ? value : '';
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.get(key);
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') throw failed(key, 'true or false', value);
    return value;
  }

  /** A token's id, below `size`; null for none, or for the largest 32-bit number, which writers mean the same by. */
  id(key: string, size: number, fallback: number | null = null): number | null {
    const value = toNumber(this.get(key));
    if (value === undefined) return fallback !== null && fallback < size ? fallback : null;
    if (value === 0xffffffff || value === -1) return null;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= size)
      throw failed(key, `an id below ${size}`, value);
    return value;
  }

  strings(key: string): string[] | null {
    const value = this.get(key);
    if (value === undefined) return null;
    if (!Array.isArray(value)) throw failed(key, 'a list of strings', value);
    return value.map((item: unknown, i) => {
      if (typeof item !== 'string') throw failed(`${key}[${i}]`, 'a string', item);
      return item;
    });
  }

  /** Finite numbers, `size` of them if that is given. */
  numbers(key: string, size?: number): number[] | null {
    const value = this.get(key);
    if (value === undefined) return null;
    const items: unknown[] | null = Array.isArray(value)
      ? value
      : ArrayBuffer.isView(value) && !(value instanceof DataView)
        ? Array.from(value as Uint8Array)
        : null;
    if (items === null) throw failed(key, 'a list of numbers', value);
    if (size !== undefined && items.length !== size) throw failed(key, `${size} numbers`, `${items.length}`);
    return items.map((item, i) => {
      const number = toNumber(item);
      if (typeof number !== 'number' || !Number.isFinite(number)) throw failed(`${key}[${i}]`, 'a finite number', item);
      return number;
    });
  }
}

/** Keys of a tokenizer in GGUF metadata. */
export const keys = {
  model: 'tokenizer.ggml.model',
  pre: 'tokenizer.ggml.pre',
  tokens: 'tokenizer.ggml.tokens',
  types: 'tokenizer.ggml.token_type',
  scores: 'tokenizer.ggml.scores',
  merges: 'tokenizer.ggml.merges',
  bos: 'tokenizer.ggml.bos_token_id',
  eos: 'tokenizer.ggml.eos_token_id',
  unk: 'tokenizer.ggml.unknown_token_id',
  // The misspelling is the format's.
  sep: 'tokenizer.ggml.seperator_token_id',
  pad: 'tokenizer.ggml.padding_token_id',
  cls: 'tokenizer.ggml.cls_token_id',
  mask: 'tokenizer.ggml.mask_token_id',
  addBos: 'tokenizer.ggml.add_bos_token',
  addEos: 'tokenizer.ggml.add_eos_token',
  addSep: 'tokenizer.ggml.add_sep_token',
  addSpacePrefix: 'tokenizer.ggml.add_space_prefix',
  removeExtraWhitespaces: 'tokenizer.ggml.remove_extra_whitespaces',
  charactersMap: 'tokenizer.ggml.precompiled_charsmap',
  lowercase: 'tokenizer.ggml.normalizer.lowercase',
  stripAccents: 'tokenizer.ggml.normalizer.strip_accents',
} as const;

export { failed as malformedMetadata };
