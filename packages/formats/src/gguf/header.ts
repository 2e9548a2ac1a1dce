import { quote } from '../safetensors/header.js';
import type { Cursor } from './cursor.js';
import { type GgufTensorType, ggufByteLength, ggufTypeById, ggufTypes } from './tensor-type.js';
import { type GgufArray, type GgufValue, ggufValueSizes, ggufValueTypes, maxGgufDepth } from './value.js';

/** Where a tensor lies and how its blocks are stored. `byteOffset` counts from the start of the file. */
export interface GgufTensorInfo {
  readonly type: GgufTensorType;
  /** Row-major: the last axis is the one that blocks run along (the file stores it first). */
  readonly shape: readonly number[];
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A checked header. */
export interface GgufHeader {
  /** 2 or 3; they differ in nothing but the possibility of big-endian files. */
  readonly version: number;
  /** In the order of the file. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Tensors start at multiples of it, counted from `dataOffset`; 32 unless `general.alignment` says otherwise. */
  readonly alignment: number;
  /** Where the data of the tensors begins. */
  readonly dataOffset: number;
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;
}

const magic = 0x46554747; // "GGUF", read as a little-endian number
const maxKeyBytes = 65535;
const maxStringBytes = 64 << 20;
const maxItems = 1 << 24;
const maxDims = 4;

/**
 * Parses and checks a header: version 2 or 3, known types, every key and name once, whole rows of blocks, aligned
 * ranges inside the file that don't overlap.
 *
 * @throws FormatsError `invalid_file`; NeedMore if the header goes on beyond the cursor's bytes.
 */
export function parseGgufHeader(cursor: Cursor): GgufHeader {
  if (cursor.fileBytes < 4 || cursor.u32() !== magic) {
    cursor.refuse('a file that begins with "GGUF"', 'another beginning; is this a GGUF file?');
  }
  const version = cursor.u32();
  if (version !== 2 && version !== 3) {
    const hint = version === 0x03000000 ? ' (3 in big-endian order, which is not supported)' : '';
    cursor.refuse('version 2 or 3', `${version}${hint}`);
  }
  // A tensor has a name's length, a count of dimensions, a type and an offset; an entry a key's length, a type, a value.
  const tensorCount = cursor.count('a number of tensors', 24, maxItems);
  const entryCount = cursor.count('a number of metadata entries', 13, maxItems);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < entryCount; i++) {
    const key = cursor.string('a key', maxKeyBytes);
    if (metadata.has(key)) cursor.refuse('every key once', `${quote(key)} twice`);
    metadata.set(key, readValue(cursor, key));
  }
  const alignment = alignmentOf(cursor, metadata);
  const raw = new Map<string, RawInfo>();
  for (let i = 0; i < tensorCount; i++) {
    const name = cursor.string("a tensor's name", maxKeyBytes);
    if (raw.has(name)) cursor.refuse('every tensor name once', `${quote(name)} twice`);
    raw.set(name, readInfo(cursor, name));
  }
  const dataOffset = Math.ceil(cursor.at / alignment) * alignment;
  return { version, metadata, alignment, dataOffset, tensors: placed(cursor, raw, { alignment, dataOffset }) };
}

function alignmentOf(cursor: Cursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const entry = metadata.get('general.alignment');
  if (entry === undefined) return 32;
  const { type, value } = entry;
  // value & (value - 1) is 0 for powers of two.
  if (type !== 'uint32' || value < 1 || (BigInt(value) & BigInt(value - 1)) !== 0n) {
    return cursor.refuse('general.alignment to be a power of two of type uint32', `${type} ${shown(value)}`);
  }
  return value;
}

const shown = (value: unknown): string => (typeof value === 'object' ? 'several' : String(value).slice(0, 40));

function valueType(cursor: Cursor, key: string): GgufValue['type'] {
  const id = cursor.u32();
  return ggufValueTypes[id] ?? cursor.refuse(`a metadata type from 0 to 12 for ${quote(key)}`, `${id}`);
}

function readValue(cursor: Cursor, key: string): GgufValue {
  const type = valueType(cursor, key);
  switch (type) {
    case 'array':
      return readArray(cursor, key, 1);
    case 'string':
      return { type, value: cursor.string(quote(key), maxStringBytes) };
    case 'bool':
      return { type, value: readBool(cursor, key) };
    case 'uint64':
      return { type, value: cursor.u64() };
    case 'int64':
      return { type, value: cursor.i64() };
    default:
      return { type, value: numberReaders[type](cursor) };
  }
}

function readArray(cursor: Cursor, key: string, depth: number): GgufArray {
  if (depth > maxGgufDepth) cursor.refuse(`at most ${maxGgufDepth} nested arrays in ${quote(key)}`, 'more');
  const itemType = valueType(cursor, key);
  const count = cursor.count(`a number of elements of ${quote(key)}`, ggufValueSizes[itemType], maxItems);
  const items = <T>(read: () => T): T[] => {
    const out: T[] = [];
    for (let i = 0; i < count; i++) out.push(read());
    return out;
  };
  const type = 'array';
  switch (itemType) {
    case 'array':
      return { type, itemType, value: items(() => readArray(cursor, key, depth + 1)) };
    case 'string':
      return { type, itemType, value: items(() => cursor.string(quote(key), maxStringBytes)) };
    case 'bool':
      return { type, itemType, value: items(() => readBool(cursor, key)) };
    case 'uint64':
      return { type, itemType, value: items(() => cursor.u64()) };
    case 'int64':
      return { type, itemType, value: items(() => cursor.i64()) };
    default:
      return { type, itemType, value: items(() => numberReaders[itemType](cursor)) };
  }
}

const numberReaders = {
  uint8: (cursor: Cursor) => cursor.u8(),
  int8: (cursor: Cursor) => cursor.i8(),
  uint16: (cursor: Cursor) => cursor.u16(),
  int16: (cursor: Cursor) => cursor.i16(),
  uint32: (cursor: Cursor) => cursor.u32(),
  int32: (cursor: Cursor) => cursor.i32(),
  float32: (cursor: Cursor) => cursor.f32(),
  float64: (cursor: Cursor) => cursor.f64(),
};

function readBool(cursor: Cursor, key: string): boolean {
  const byte = cursor.u8();
  if (byte > 1) cursor.refuse(`0 or 1 for the bool ${quote(key)}`, `${byte}`);
  return byte === 1;
}

interface RawInfo {
  readonly type: GgufTensorType;
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** From the start of the data. */
  readonly offset: bigint;
}

function readInfo(cursor: Cursor, name: string): RawInfo {
  const rank = cursor.u32();
  if (rank > maxDims) cursor.refuse(`at most ${maxDims} dimensions of ${quote(name)}`, `${rank}`);
  const dims: bigint[] = [];
  for (let axis = 0; axis < rank; axis++) dims.push(cursor.u64());
  const id = cursor.u32();
  const type = ggufTypeById(id) ?? cursor.refuse(`a known type of ${quote(name)}`, `${id}`);
  const offset = cursor.u64();
  // No dimension of a tensor inside the file can be larger; a zero may hide a large one beside it.
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  const shape = dims.reverse().map(Number);
  const byteLength = dims.every((dim) => dim <= most) ? ggufByteLength(type, shape) : undefined;
  if (byteLength === undefined || byteLength > cursor.fileBytes) {
    const { blockSize } = ggufTypes[type];
    cursor.refuse(
      `${quote(name)} to have rows of a multiple of ${blockSize} elements (${type}), ${cursor.fileBytes} bytes at most`,
      `the shape [${dims.slice(0, 4).join(', ')}]`,
    );
  }
  return { type, shape, byteLength, offset };
}

function placed(
  cursor: Cursor,
  raw: ReadonlyMap<string, RawInfo>,
  { alignment, dataOffset }: { alignment: number; dataOffset: number },
): Map<string, GgufTensorInfo> {
  const tensors = new Map<string, GgufTensorInfo>();
  for (const [name, { type, shape, byteLength, offset }] of raw) {
    if (offset % BigInt(alignment) !== 0n) {
      cursor.refuse(`${quote(name)} at a multiple of ${alignment}`, `offset ${offset}`);
    }
    if (offset > BigInt(cursor.fileBytes - dataOffset - byteLength)) {
      cursor.refuse(
        `${byteLength} bytes of ${quote(name)} at ${offset}`,
        `${Math.max(0, cursor.fileBytes - dataOffset)} bytes of data; the file is cut or damaged`,
      );
    }
    tensors.set(name, { type, shape, byteOffset: dataOffset + Number(offset), byteLength });
  }
  let end = 0;
  let before = '';
  for (const [name, info] of [...tensors].sort(([, a], [, b]) => a.byteOffset - b.byteOffset)) {
    if (info.byteLength === 0) continue;
    if (info.byteOffset < end) cursor.refuse('tensors that share no bytes', `${quote(before)} and ${quote(name)}`);
    end = info.byteOffset + info.byteLength;
    before = name;
  }
  return tensors;
}
