import { TensorError } from './errors';

/** Number of elements of a shape; the empty shape has one. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Throws unless every extent is a non-negative integer. */
export function checkShape(op: string, shape: readonly number[]): void {
  if (!Array.isArray(shape)) {
    throw new TensorError('shape', `[${op}] expected a shape such as [2, 3], got ${String(shape)}; [] is a scalar's`);
  }
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) {
      throw new TensorError('shape', `[${op}] expected a shape of non-negative integers, got ${showShape(shape)}`);
    }
  }
  if (sizeOf(shape) > Number.MAX_SAFE_INTEGER) {
    throw new TensorError('shape', `[${op}] the shape ${showShape(shape)} has too many elements`);
  }
}

/** `(2, 3)`, for messages. */
export function showShape(shape: readonly number[]): string {
  return `(${shape.join(', ')})`;
}

/** True if two shapes are equal. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** An axis counted from the front; negative ones count from the end. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const range = rank === 0 ? 'a scalar has no axes' : `expected an axis from ${-rank} to ${rank - 1}`;
    throw new TensorError('axis', `[${op}] ${range}, got ${axis}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Axes counted from the front, ascending; null or undefined means all. Doubles throw. */
export function normalizeAxes(op: string, axes: number | readonly number[] | null | undefined, rank: number): number[] {
  if (axes === null || axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = (typeof axes === 'number' ? [axes] : axes).map((a) => normalizeAxis(op, a, rank));
  list.sort((a, b) => a - b);
  for (let i = 1; i < list.length; i++) {
    if (list[i] === list[i - 1]) {
      throw new TensorError('axis', `[${op}] axis ${list[i]} is named twice`);
    }
  }
  return list;
}

/** The NumPy broadcast of two shapes; throws where an axis has two extents and neither is 1. */
export function broadcastShapes(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const x = a[a.length - i] ?? 1;
    const y = b[b.length - i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new TensorError(
        'shape',
        `[${op}] expected shapes that broadcast (equal extents, or 1, counted from the last axis), ` +
          `got ${showShape(a)} and ${showShape(b)}`,
      );
    }
    out[rank - i] = x === 1 ? y : x;
  }
  return out;
}
