import type { QuantizedFormat, QuantizedSpec } from '../backend/contract';
import { TensorError } from '../errors';
import { showShape } from '../shape';

/** A block of a GGUF format: values in it, bytes of it, and values that share a scale. */
export interface BlockLayout {
  readonly values: number;
  readonly bytes: number;
  readonly groupSize: number;
}

/** GGUF's block formats, as ggml's block structures have them. */
export const blockLayouts: Readonly<Record<Exclude<QuantizedFormat, 'int8'>, BlockLayout>> = {
  Q4_0: { values: 32, bytes: 18, groupSize: 32 }, // d f16, 16 bytes of nibbles: w = d (q - 8)
  Q4_1: { values: 32, bytes: 20, groupSize: 32 }, // d, m f16, nibbles: w = d q + m
  Q4_K: { values: 256, bytes: 144, groupSize: 32 }, // d, dmin f16, 8 scales and mins of 6 bits, nibbles
  Q6_K: { values: 256, bytes: 210, groupSize: 16 }, // low 4 and high 2 bits, 16 int8 scales, d f16
  Q8_0: { values: 32, bytes: 34, groupSize: 32 }, // d f16, 32 int8: w = d q
};

/** Scales of a row of int8. */
export function groupsOf({ shape, groupSize }: QuantizedSpec): number {
  return Math.ceil(shape[1] / groupSize);
}

/** Bytes of a row in the file layout. */
export function rowBytes(spec: QuantizedSpec): number {
  const columns = spec.shape[1];
  if (spec.format === 'int8') return groupsOf(spec) * 4 + columns;
  const { values, bytes } = blockLayouts[spec.format];
  return (columns / values) * bytes;
}

/** Values per scale of int8 where none is given. */
const defaultGroupSize = 128;

/**
 * Checks format, shape and group size, and fills in the group size.
 *
 * @throws TensorError `value`, `shape`
 */
export function checkSpec(
  where: string,
  format: QuantizedFormat,
  shape: readonly number[],
  groupSize: number | undefined,
): QuantizedSpec {
  const [rows, columns] = shape;
  const whole = (n: number | undefined): n is number => n !== undefined && Number.isSafeInteger(n) && n >= 0;
  if (shape.length !== 2 || !whole(rows) || !whole(columns)) {
    throw new TensorError('shape', `[${where}] expected a shape (rows, columns), got ${showShape(shape)}`);
  }
  if (format === 'int8') {
    const size = groupSize ?? Math.min(defaultGroupSize, Math.max(columns, 1));
    if (!whole(size) || size === 0 || (size % 32 !== 0 && size < columns)) {
      throw new TensorError(
        'value',
        `[${where}] expected a groupSize that is a multiple of 32, or at least ${columns} for one scale per row, got ${size}`,
      );
    }
    return { format, shape: [rows, columns], groupSize: size };
  }
  if (!Object.hasOwn(blockLayouts, format)) {
    const known = [...Object.keys(blockLayouts), 'int8'].join(', ');
    throw new TensorError('value', `[${where}] expected a format of ${known}, got '${String(format)}'`);
  }
  const layout = blockLayouts[format];
  if (groupSize !== undefined && groupSize !== layout.groupSize) {
    throw new TensorError(
      'value',
      `[${where}] expected no groupSize for ${format}, whose blocks fix it at ${layout.groupSize}, got ${groupSize}`,
    );
  }
  if (columns % layout.values !== 0) {
    throw new TensorError(
      'shape',
      `[${where}] expected columns in whole blocks of ${layout.values} for ${format}, got ${showShape(shape)}; ` +
        'use int8, which takes any number of columns',
    );
  }
  return { format, shape: [rows, columns], groupSize: layout.groupSize };
}
