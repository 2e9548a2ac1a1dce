import { writeFileAtomic } from '../atomic.js';
import { FormatsError } from '../errors.js';
import { quote } from '../safetensors/header.js';
import type { NamedTensors } from '../safetensors/write.js';
import { aligned, Growing, utf8 } from './growing.js';
import { type GgufTensorType, ggufByteLength, ggufTypes, isGgufTensorType } from './tensor-type.js';
import { type GgufArray, type GgufValue, ggufNumberFits, ggufValueTypes, maxGgufDepth } from './value.js';

/**
 * A tensor to be written. `bytes` may be a function, called once when its turn comes, so that a model can be written
 * without holding all of it in memory.
 */
export interface GgufTensorToWrite {
  readonly type: GgufTensorType;
  /** Row-major; the file stores it reversed. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array | (() => Uint8Array | Promise<Uint8Array>);
}

/** What a GGUF file holds, metadata and tensors in this order. */
export interface GgufContents {
  /** `general.alignment` is obeyed if it is there; 32 otherwise. */
  readonly metadata: ReadonlyMap<string, GgufValue> | Readonly<Record<string, GgufValue>>;
  readonly tensors: NamedTensors<GgufTensorToWrite>;
}

interface Planned extends GgufTensorToWrite {
  readonly name: string;
  readonly byteLength: number;
  readonly offset: number;
}

/**
 * Writes a GGUF file (version 3) whole or not at all: metadata and tensors in the order given, every tensor aligned.
 *
 * @throws FormatsError `write_failed`; `invalid_argument` for shapes of more than 4 axes or of rows that aren't whole
 * blocks, byte counts that don't fit them, numbers outside their type, names twice, texts that aren't well-formed. What
 * a function for `bytes` throws passes through. An earlier file of that name is untouched then.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { openGguf, writeGguf } from '@tessera-llm/formats';
 * const path = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'model.gguf');
 * await writeGguf(path, {
 *   metadata: { 'general.architecture': { type: 'string', value: 'llama' } },
 *   tensors: { w: { type: 'Q8_0', shape: [1, 32], bytes: new Uint8Array(34) } },
 * });
 * const reader = await openGguf(path);
 * console.log(reader.tensors.get('w')?.type); // 'Q8_0'
 * await reader.close();
 * ```
 */
export async function writeGguf(path: string, contents: GgufContents): Promise<void> {
  const { header, planned, alignment } = encode(contents);
  await writeFileAtomic(path, pieces(header, planned, alignment));
}

/**
 * A GGUF file in memory, for small ones: the same bytes as {@link writeGguf} writes. Tensors must be in memory too.
 *
 * @throws FormatsError `invalid_argument`, as `writeGguf`, and for `bytes` that are a function.
 *
 * @example
 * ```ts
 * import { serializeGguf } from '@tessera-llm/formats';
 * const file = serializeGguf({
 *   metadata: { 'general.architecture': { type: 'string', value: 'llama' } },
 *   tensors: { w: { type: 'Q8_0', shape: [1, 32], bytes: new Uint8Array(34) } },
 * });
 * console.log(new TextDecoder().decode(file.subarray(0, 4))); // 'GGUF'
 * ```
 */
export function serializeGguf(contents: GgufContents): Uint8Array {
  const { header, planned, alignment } = encode(contents);
  const last = planned.at(-1);
  const size = header.byteLength + (last === undefined ? 0 : aligned(last.offset + last.byteLength, alignment));
  const out = new Uint8Array(size);
  out.set(header);
  for (const { name, bytes, offset } of planned) {
    if (!(bytes instanceof Uint8Array)) {
      const got =
        typeof bytes === 'function' ? 'a function; use writeGguf' : Object.prototype.toString.call(bytes).slice(8, -1);
      throw wrong(`the bytes of ${quote(name)} as a Uint8Array`, got);
    }
    out.set(bytes, header.byteLength + offset);
  }
  return out;
}

async function* pieces(header: Uint8Array, planned: readonly Planned[], alignment: number): AsyncGenerator<Uint8Array> {
  yield header;
  for (const tensor of planned) {
    const bytes = typeof tensor.bytes === 'function' ? await tensor.bytes() : tensor.bytes;
    checkBytes(tensor, bytes);
    yield bytes;
    const padding = aligned(bytes.byteLength, alignment) - bytes.byteLength;
    if (padding > 0) yield new Uint8Array(padding);
  }
}

function encode({ metadata, tensors }: GgufContents) {
  const entries: [string, GgufValue][] = metadata instanceof Map ? [...metadata] : Object.entries(metadata);
  const alignment = alignmentOf(entries);
  const planned = plan(tensors, alignment);
  const out = new Growing();
  out.text('GGUF');
  out.u32(3);
  out.u64(planned.length);
  out.u64(entries.length);
  const keys = new Set<string>();
  for (const [key, value] of entries) {
    out.string(unique(key, keys, 'key'));
    out.u32(ggufValueTypes.indexOf(value.type));
    writeValue(out, key, value);
  }
  for (const { name, type, shape, offset } of planned) {
    out.string(name);
    out.u32(shape.length);
    for (const dim of shape.toReversed()) out.u64(dim);
    out.u32(ggufTypes[type].id);
    out.u64(offset);
  }
  out.pad(alignment);
  return { header: out.bytes(), planned, alignment };
}

function alignmentOf(entries: readonly (readonly [string, GgufValue])[]): number {
  const value = entries.find(([key]) => key === 'general.alignment')?.[1];
  if (value === undefined) return 32;
  if (value.type === 'uint32' && Number.isInteger(Math.log2(value.value))) return value.value;
  throw wrong('general.alignment to be a power of two of type uint32', `${value.type} ${String(value.value)}`);
}

function plan(tensors: GgufContents['tensors'], alignment: number): Planned[] {
  const pairs = Symbol.iterator in tensors ? tensors : Object.entries(tensors);
  const names = new Set<string>();
  const planned: Planned[] = [];
  let offset = 0;
  for (const [name, tensor] of pairs) {
    const { type, shape, bytes } = tensor;
    unique(name, names, 'tensor name');
    const byteLength = isGgufTensorType(type) && shape.length <= 4 ? ggufByteLength(type, shape) : undefined;
    if (byteLength === undefined) {
      throw wrong(`a known type and at most 4 axes with rows of whole blocks for ${quote(name)}`, `${type} [${shape}]`);
    }
    const entry = { type, shape: [...shape], bytes, name, byteLength, offset };
    if (bytes instanceof Uint8Array) checkBytes(entry, bytes);
    planned.push(entry);
    offset = aligned(offset + byteLength, alignment);
  }
  return planned;
}

function checkBytes({ name, type, shape, byteLength }: Planned, bytes: Uint8Array): void {
  if (bytes.byteLength === byteLength) return;
  throw wrong(`${byteLength} bytes for ${quote(name)} (${type} [${shape}])`, `${bytes.byteLength}`);
}

function unique(name: string, seen: Set<string>, what: string): string {
  if (seen.has(name) || /\p{Surrogate}/u.test(name) || utf8.encode(name).byteLength > 65535) {
    throw wrong(`every ${what} once, well-formed, in at most 65,535 bytes`, quote(name.slice(0, 200)));
  }
  seen.add(name);
  return name;
}

function wrong(expected: string, got: string): FormatsError {
  return new FormatsError('invalid_argument', `[writeGguf] expected ${expected}, got ${got}`);
}

function writeValue(out: Growing, key: string, value: GgufValue, depth = 0): void {
  switch (value.type) {
    case 'array':
      return writeArray(out, key, value, depth + 1);
    case 'string':
      return out.string(wellFormed(key, value.value));
    case 'bool':
      return out.number('uint8', value.value ? 1 : 0);
    case 'uint64':
    case 'int64':
      return out.big(fitting(key, value.type, value.value));
    default:
      // Types may come from outside of TypeScript.
      if (!Object.hasOwn(ggufNumberFits, value.type)) throw wrong(`a metadata type for ${quote(key)}`, `${value.type}`);
      if (!ggufNumberFits[value.type](value.value)) throw wrong(`${value.type} for ${quote(key)}`, `${value.value}`);
      out.number(value.type, value.value);
  }
}

function writeArray(out: Growing, key: string, array: GgufArray, depth: number): void {
  if (depth > maxGgufDepth) throw wrong(`at most ${maxGgufDepth} nested arrays in ${quote(key)}`, 'more');
  const itemType = ggufValueTypes.indexOf(array.itemType);
  if (itemType < 0) throw wrong(`a known type of the items of ${quote(key)}`, String(array.itemType));
  out.u32(itemType);
  out.u64(array.value.length);
  // Elements are written as values of their type; nested arrays are values already.
  for (const item of array.value) {
    const value = typeof item === 'object' ? item : ({ type: array.itemType, value: item } as GgufValue);
    writeValue(out, key, value, depth);
  }
}

function wellFormed(key: string, text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw wrong(`well-formed text for ${quote(key)}`, quote(text.slice(0, 50)));
  return text;
}

function fitting(key: string, type: 'uint64' | 'int64', value: bigint): bigint {
  const cut = type === 'uint64' ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value);
  if (cut !== value) throw wrong(`${type} for ${quote(key)}`, `${value}`);
  return value;
}
