import { FormatsError } from '../errors.js';
import { JsonNumber, parseStrictJson, type StrictJson } from '../strict-json.js';
import { isSafetensorsDType, type SafetensorsDType, tensorByteLength } from './dtype.js';

/** Where a tensor lies and how to read it. `byteOffset` counts from the start of the file. */
export interface TensorInfo {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** The free-form `__metadata__` strings, `{}` if there are none. The record has no prototype. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** The format's limit on the header, which also bounds what a hostile length can make a reader allocate. */
export const maxHeaderBytes = 100_000_000;

const prefixBytes = 8;

/**
 * Checks the 8-byte length prefix of a file and returns the header's length.
 *
 * @throws FormatsError `invalid_file`
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, name: string): number {
  if (fileBytes < prefixBytes || prefix.byteLength < prefixBytes) {
    throw refuse(name, `at least ${prefixBytes} bytes`, `${fileBytes}; the file is empty or cut`);
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefixBytes);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw refuse(
      name,
      `a header of at most ${maxHeaderBytes} bytes`,
      `a length of ${length}; is this a safetensors file?`,
    );
  }
  if (length > BigInt(fileBytes - prefixBytes)) {
    throw refuse(name, `a header of ${length} bytes`, `a file of ${fileBytes}; the file is cut`);
  }
  return Number(length);
}

/**
 * Parses and checks a header: every name once, known dtypes, whole sizes, and data ranges that tile
 * the rest of the file exactly, without holes, overlaps or a tail.
 *
 * @throws FormatsError `invalid_file`
 */
export function parseHeader(header: Uint8Array, fileBytes: number, name: string): SafetensorsHeader {
  const root = parseRoot(header, name);
  const dataStart = prefixBytes + header.byteLength;
  const metadata = parseMetadata(root.get('__metadata__'), name);
  const entries: [string, TensorInfo][] = [];
  for (const [key, value] of root) {
    if (key !== '__metadata__') entries.push([key, parseEntry(key, value, dataStart, name)]);
  }
  entries.sort(([, a], [, b]) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);

  let at = dataStart;
  for (const [key, info] of entries) {
    if (info.byteOffset !== at) {
      const what = info.byteOffset < at ? 'an overlap' : 'a hole';
      throw refuse(
        name,
        `tensor ${quote(key)} to start at byte ${at - dataStart} of the data`,
        `${info.byteOffset - dataStart}: ${what}`,
      );
    }
    at += info.byteLength;
  }
  if (at !== fileBytes) {
    throw refuse(
      name,
      `a file of ${at} bytes`,
      `${fileBytes}; ${fileBytes < at ? 'the data is cut' : 'bytes belong to no tensor'}`,
    );
  }
  return { metadata, tensors: new Map(entries) };
}

function parseRoot(header: Uint8Array, name: string): Map<string, StrictJson> {
  let root: StrictJson;
  try {
    // ignoreBOM keeps a byte-order mark in the text, where the check for '{' refuses it.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
    if (!text.startsWith('{')) throw new SyntaxError("expected '{' at character 0");
    root = parseStrictJson(text);
  } catch (cause) {
    throw refuse(name, 'a JSON header', cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!(root instanceof Map)) throw refuse(name, 'a JSON object as header', 'something else');
  return root;
}

function parseMetadata(value: StrictJson | undefined, name: string): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null);
  if (value === undefined || value === null) return metadata;
  if (!(value instanceof Map)) throw refuse(name, '__metadata__ to be an object of strings', kind(value));
  for (const [key, text] of value) {
    if (typeof text !== 'string') throw refuse(name, `__metadata__ ${quote(key)} to be a string`, kind(text));
    metadata[key] = text;
  }
  return metadata;
}

function parseEntry(key: string, value: StrictJson, dataStart: number, name: string): TensorInfo {
  const where = `tensor ${quote(key)}`;
  if (!(value instanceof Map)) throw refuse(name, `${where} to be an object`, kind(value));
  const dtype = value.get('dtype');
  if (!isSafetensorsDType(dtype)) {
    throw refuse(name, `${where} to have a known dtype`, typeof dtype === 'string' ? quote(dtype) : kind(dtype));
  }
  const shape = sizes(value.get('shape'));
  if (!shape) throw refuse(name, `${where} to have a shape of whole numbers >= 0`, kind(value.get('shape')));
  const offsets = sizes(value.get('data_offsets'));
  const [begin, end] = offsets ?? [];
  if (offsets?.length !== 2 || begin === undefined || end === undefined || begin > end) {
    throw refuse(
      name,
      `${where} to have data_offsets [begin, end] with begin <= end`,
      offsets ? `[${offsets.join(', ')}]` : kind(value.get('data_offsets')),
    );
  }
  const byteLength = tensorByteLength(dtype, shape);
  if (byteLength === undefined || byteLength !== end - begin) {
    throw refuse(
      name,
      `${where} ${dtype} [${shape.join(', ')}] to take ${byteLength ?? 'a representable number of'} bytes`,
      `${end - begin} in its data_offsets`,
    );
  }
  return { dtype, shape, byteOffset: dataStart + begin, byteLength };
}

function sizes(value: StrictJson | undefined): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const result: number[] = [];
  for (const item of value) {
    const size = item instanceof JsonNumber ? item.toSize() : undefined;
    if (size === undefined) return undefined;
    result.push(size);
  }
  return result;
}

function kind(value: StrictJson | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (value instanceof JsonNumber) return `the number ${value.text.slice(0, 40)}`;
  if (value instanceof Map) return 'an object';
  if (Array.isArray(value)) {
    const items = value.slice(0, 8).map((item) => (item instanceof JsonNumber ? item.text.slice(0, 40) : kind(item)));
    return `[${items.join(', ')}${value.length > 8 ? ', ...' : ''}]`;
  }
  return typeof value === 'string' ? quote(value) : String(value);
}

/** A name from the file, shortened: hostile names can be megabytes long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}...` : text);
}

function refuse(name: string, expected: string, got: string, cause?: unknown): FormatsError {
  return new FormatsError(
    'invalid_file',
    `[safetensors] expected ${expected}, got ${got} (${name})`,
    cause === undefined ? undefined : { cause },
  );
}
