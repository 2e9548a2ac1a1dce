/** Metadata types with a number as their value. */
export type GgufNumberType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';

/** 64-bit metadata types, whose values are bigints. */
export type GgufBigintType = 'uint64' | 'int64';

/** Elements of an array. */
type Items =
  | { readonly itemType: GgufNumberType; readonly value: readonly number[] }
  | { readonly itemType: GgufBigintType; readonly value: readonly bigint[] }
  | { readonly itemType: 'bool'; readonly value: readonly boolean[] }
  | { readonly itemType: 'string'; readonly value: readonly string[] }
  | { readonly itemType: 'array'; readonly value: readonly GgufArray[] };

/** An array of metadata, all of one type. */
export type GgufArray = { readonly type: 'array' } & Items;

/** A value of a GGUF file's metadata with the type that it has in the file. */
export type GgufValue =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: GgufBigintType; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | GgufArray;

/** Name of a metadata type. */
export type GgufValueType = GgufValue['type'];

/** A value without its type: 64-bit integers are numbers where those are exact, else bigints. */
export type GgufPlainValue = string | number | bigint | boolean | readonly GgufPlainValue[];

/** Metadata types by their number in files. */
export const ggufValueTypes: readonly GgufValueType[] = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
];

/** Bytes of one value, at least 8 for those of varying length (their length field). */
export const ggufValueSizes: Readonly<Record<GgufValueType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  array: 12,
  uint64: 8,
  int64: 8,
  float64: 8,
};

/** Arrays in arrays, at most: no model's metadata has more than two, and hostile ones may have thousands. */
export const maxGgufDepth = 4;

const whole = (least: number, most: number) => (x: number) => Number.isInteger(x) && x >= least && x <= most;

/** Whether a number is one of the type's values. */
export const ggufNumberFits: Readonly<Record<GgufNumberType, (x: number) => boolean>> = {
  uint8: whole(0, 0xff),
  int8: whole(-0x80, 0x7f),
  uint16: whole(0, 0xffff),
  int16: whole(-0x8000, 0x7fff),
  uint32: whole(0, 0xffffffff),
  int32: whole(-0x80000000, 0x7fffffff),
  float32: () => true,
  float64: () => true,
};

/**
 * A metadata value as plain JavaScript: 64-bit integers become numbers where those are exact, arrays lose their type.
 *
 * @example
 * ```ts
 * import { ggufPlainValue } from '@tessera-llm/formats';
 * console.log(ggufPlainValue({ type: 'uint64', value: 4096n })); // 4096
 * console.log(ggufPlainValue({ type: 'array', itemType: 'string', value: ['a', 'b'] })); // ['a', 'b']
 * ```
 */
export function ggufPlainValue({ type, value }: GgufValue): GgufPlainValue {
  if (type === 'array') return value.map((item) => (typeof item === 'object' ? ggufPlainValue(item) : plain(item)));
  return plain(value);
}

function plain<T extends string | number | bigint | boolean>(value: T): T | number {
  return typeof value === 'bigint' && value === BigInt.asIntN(54, value) ? Number(value) : value;
}

/**
 * All metadata as a plain object (without a prototype, as keys are the file's), the form that tokenizers and
 * configurations are made from.
 *
 * @example
 * ```ts
 * import { bytesSource, ggufPlainMetadata, openGguf, serializeGguf } from '@tessera-llm/formats';
 * const file = serializeGguf({ metadata: { 'llama.block_count': { type: 'uint32', value: 2 } }, tensors: {} });
 * const reader = await openGguf(bytesSource(file));
 * console.log(ggufPlainMetadata(reader.metadata)['llama.block_count']); // 2
 * await reader.close();
 * ```
 */
export function ggufPlainMetadata(metadata: ReadonlyMap<string, GgufValue>): Readonly<Record<string, GgufPlainValue>> {
  const out: Record<string, GgufPlainValue> = Object.create(null);
  for (const [key, value] of metadata) out[key] = ggufPlainValue(value);
  return out;
}
