import { writeFileAtomic } from '../atomic.js';
import { FormatsError } from '../errors.js';
import { dtypeRank, isSafetensorsDType, type RawTensor, type SafetensorsDType, tensorByteLength } from './dtype.js';
import { maxHeaderBytes, quote } from './header.js';

/**
 * A tensor to be written. `bytes` may be a function, called once when its turn comes, so that a
 * checkpoint can be written without holding all of it in memory.
 */
export interface TensorToWrite {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array | (() => Uint8Array | Promise<Uint8Array>);
}

/** Named tensors, as a record or as pairs. */
export type NamedTensors<T> = Readonly<Record<string, T>> | Iterable<readonly [string, T]>;

/** Options of the safetensors writers. */
export interface SafetensorsWriteOptions {
  /** Free-form strings; transformers expects `{ format: 'pt' }` in model weights. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A tensor with its name and length, in the order of the file. */
export interface PlannedTensor extends TensorToWrite {
  readonly name: string;
  readonly byteLength: number;
}

/**
 * Checks names, dtypes and shapes and sorts as the reference implementation does: larger elements
 * first, then by the UTF-8 bytes of the name. The same tensors give the same file, whatever their order.
 */
export function planTensors(tensors: NamedTensors<TensorToWrite>): PlannedTensor[] {
  const pairs = isIterable(tensors) ? tensors : Object.entries(tensors);
  const names = new Set<string>();
  const planned: PlannedTensor[] = [];
  for (const [name, { dtype, shape, bytes }] of pairs) {
    if (name === '__metadata__' || /\p{Surrogate}/u.test(name) || names.has(name)) {
      throw new FormatsError(
        'invalid_argument',
        `[writeSafetensors] expected unique well-formed names other than __metadata__, got ${quote(name)}`,
      );
    }
    names.add(name);
    const byteLength = isSafetensorsDType(dtype) ? tensorByteLength(dtype, shape) : undefined;
    if (byteLength === undefined) {
      throw new FormatsError(
        'invalid_argument',
        `[writeSafetensors] expected a known dtype and a shape of whole bytes for ${quote(name)}, got ${dtype} [${shape.join(', ')}]`,
      );
    }
    if (typeof bytes !== 'function') checkBytes(name, dtype, shape, byteLength, bytes);
    planned.push({ name, dtype, shape: [...shape], bytes, byteLength });
  }
  const keys = new Map(planned.map(({ name }) => [name, Buffer.from(name)]));
  const key = (name: string) => keys.get(name) ?? Buffer.alloc(0);
  return planned.sort((a, b) => dtypeRank(b.dtype) - dtypeRank(a.dtype) || Buffer.compare(key(a.name), key(b.name)));
}

/** The length prefix and the header of a file, padded with spaces so that the data starts at a multiple of 8. */
export function encodeHeader(planned: readonly PlannedTensor[], { metadata }: SafetensorsWriteOptions): Uint8Array {
  const fields: string[] = [];
  if (metadata) fields.push(`"__metadata__":${JSON.stringify(checkMetadata(metadata))}`);
  let at = 0;
  for (const { name, dtype, shape, byteLength } of planned) {
    const entry = JSON.stringify({ dtype, shape, data_offsets: [at, at + byteLength] });
    fields.push(`${JSON.stringify(name)}:${entry}`);
    at += byteLength;
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const length = Math.ceil(json.byteLength / 8) * 8;
  if (length > maxHeaderBytes) {
    throw new FormatsError(
      'invalid_argument',
      `[writeSafetensors] expected a header of at most ${maxHeaderBytes} bytes, got ${length}`,
    );
  }
  const out = new Uint8Array(8 + length).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(json, 8);
  return out;
}

/**
 * Writes a safetensors file atomically (see {@link writeFileAtomic}) and deterministically: the same
 * tensors and metadata give the same bytes.
 *
 * @throws FormatsError `invalid_argument` for wrong names, dtypes, shapes, lengths or metadata, `write_failed` if
 * the disk refuses; what a function for `bytes` throws passes through. An earlier file of that name is untouched then.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { openSafetensors, writeSafetensors } from '@tessera-llm/formats';
 *
 * const file = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'model.safetensors');
 * const bytes = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
 * await writeSafetensors(file, { w: { dtype: 'F32', shape: [2, 2], bytes } }, { metadata: { format: 'pt' } });
 * const reader = await openSafetensors(file);
 * console.log(reader.tensors.get('w')?.shape); // [2, 2]
 * await reader.close();
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: NamedTensors<TensorToWrite>,
  options: SafetensorsWriteOptions = {},
): Promise<void> {
  await writePlanned(path, planTensors(tensors), options);
}

/** Writes tensors that {@link planTensors} has checked. */
export async function writePlanned(
  path: string,
  planned: readonly PlannedTensor[],
  options: SafetensorsWriteOptions,
): Promise<void> {
  const header = encodeHeader(planned, options);
  await writeFileAtomic(path, content(header, planned));
}

async function* content(
  header: Uint8Array,
  planned: readonly PlannedTensor[],
): AsyncGenerator<Uint8Array, void, undefined> {
  yield header;
  for (const { name, dtype, shape, bytes, byteLength } of planned) {
    const data = typeof bytes === 'function' ? await bytes() : bytes;
    checkBytes(name, dtype, shape, byteLength, data);
    yield data;
  }
}

/**
 * A safetensors file in memory; for small ones. The same bytes as {@link writeSafetensors} writes.
 *
 * @throws FormatsError `invalid_argument`, as `writeSafetensors`, and for `bytes` that are a function.
 *
 * @example
 * ```ts
 * import { serializeSafetensors } from '@tessera-llm/formats';
 * const file = serializeSafetensors({ w: { dtype: 'U8', shape: [2], bytes: new Uint8Array([7, 8]) } });
 * console.log(file.subarray(-2)); // [7, 8]
 * ```
 */
export function serializeSafetensors(
  tensors: NamedTensors<RawTensor>,
  options: SafetensorsWriteOptions = {},
): Uint8Array {
  const planned = planTensors(tensors);
  const header = encodeHeader(planned, options);
  const total = planned.reduce((sum, { byteLength }) => sum + byteLength, header.byteLength);
  const out = new Uint8Array(total);
  out.set(header);
  let at = header.byteLength;
  for (const { name, bytes, byteLength } of planned) {
    if (typeof bytes === 'function') {
      throw new FormatsError(
        'invalid_argument',
        `[serializeSafetensors] expected the bytes of ${quote(name)}, got a function; use writeSafetensors`,
      );
    }
    out.set(bytes, at);
    at += byteLength;
  }
  return out;
}

function checkBytes(name: string, dtype: string, shape: readonly number[], expected: number, bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) {
    throw new FormatsError(
      'invalid_argument',
      `[writeSafetensors] expected a Uint8Array for ${quote(name)}, got ${Object.prototype.toString.call(bytes)}; new Uint8Array(x.buffer, x.byteOffset, x.byteLength) gives the bytes of a typed array`,
    );
  }
  if (bytes.byteLength === expected) return;
  throw new FormatsError(
    'invalid_argument',
    `[writeSafetensors] expected ${expected} bytes for ${quote(name)} ${dtype} [${shape.join(', ')}], got ${bytes.byteLength}`,
  );
}

function checkMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === 'string' && !/\p{Surrogate}/u.test(key + value)) continue;
    const got = typeof value === 'string' ? 'half a surrogate pair in it' : typeof value;
    throw new FormatsError(
      'invalid_argument',
      `[writeSafetensors] expected metadata ${quote(key)} to be a well-formed string, got ${got}`,
    );
  }
  return metadata;
}

function isIterable<T>(tensors: NamedTensors<T>): tensors is Iterable<readonly [string, T]> {
  return Symbol.iterator in tensors;
}
