import { TensorError } from '../errors';
import { sizeOf } from '../shape';
import { noGrad, record } from '../tape';
import { type Tensor, viewOf, wantTensor } from '../tensor';
import { axisOf, kernelsFor, like } from './common';

/** One axis of a slice, as in Python: missing ends are the axis's own; negative ones count from the end. */
export interface SliceRange {
  /** Default the first entry, the last for a negative step. */
  readonly start?: number;
  /** Not included; default past the last entry, before the first for a negative step. */
  readonly stop?: number;
  /** Default 1; a negative one goes backwards. */
  readonly step?: number;
}

function resolveRange(range: SliceRange | null, extent: number): [start: number, step: number, count: number] {
  const step = range?.step ?? 1;
  if (!Number.isInteger(step) || step === 0) {
    throw new TensorError('value', `[slice] expected a step of a non-zero integer, got ${step}`);
  }
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? extent : extent - 1;
  const place = (v: number | undefined, otherwise: number): number => {
    if (v === undefined) return otherwise;
    if (!Number.isInteger(v)) throw new TensorError('value', `[slice] expected integers, got ${v}`);
    return Math.min(Math.max(v < 0 ? v + extent : v, low), high);
  };
  const start = place(range?.start, step > 0 ? low : high);
  const stop = place(range?.stop, step > 0 ? high : low);
  return [start, step, Math.max(0, Math.ceil((stop - start) / step))];
}

/**
 * Part of a tensor: one range (or null for the whole) per axis, in order; axes not named stay whole.
 * A slice of the first axis with step 1 is a view, everything else a copy.
 *
 * @throws TensorError `value` for ends that are no integers or a step of 0, `axis` for more ranges than axes.
 *
 * @example
 * ```ts
 * import { arange, reshape, slice } from '@tessera-llm/tensor';
 * const x = reshape(arange(6), [2, 3]);
 * console.log(await slice(x, [null, { start: -2 }]).data()); // [1, 2, 4, 5]
 * ```
 */
export function slice(x: Tensor, ranges: readonly (SliceRange | null)[]): Tensor {
  wantTensor('slice', x);
  if (ranges.length > x.rank) {
    throw new TensorError('axis', `[slice] expected at most ${x.rank} ranges, got ${ranges.length}`);
  }
  const resolved = x.shape.map((n, i) => resolveRange(ranges[i] ?? null, n));
  const starts = resolved.map(([start]) => start);
  const steps = resolved.map(([, step]) => step);
  const shape = resolved.map(([, , count]) => count);
  const leading = resolved.every(([, step, count], i) => (i === 0 ? step === 1 : step === 1 && count === x.shape[i]));
  const k = kernelsFor('slice', x);
  const y =
    leading && x.rank > 0
      ? viewOf(x, shape, x.offset + (starts[0] as number) * sizeOf(x.shape.slice(1)))
      : like(x, k.slice(x, starts, steps, shape));
  record('slice', [y], [x], [], ([gy]) => [
    like(x, kernelsFor('slice', gy as Tensor).sliceScatter(gy as Tensor, starts, steps, x.shape)),
  ]);
  return y;
}

/**
 * `length` entries of an axis from `start`. A view for the first axis, else a copy.
 *
 * @throws TensorError `index_out_of_range` unless they lie within the axis; `axis`.
 *
 * @example
 * ```ts
 * import { narrow, tensor } from '@tessera-llm/tensor';
 * console.log(await narrow(tensor([1, 2, 3, 4]), { dim: 0, start: 1, length: 2 }).data()); // [2, 3]
 * ```
 */
export function narrow(
  x: Tensor,
  options: { readonly dim: number; readonly start: number; readonly length: number },
): Tensor {
  const axis = axisOf('narrow', x, options.dim);
  const { start, length } = options;
  const extent = x.shape[axis] as number;
  if (!(start >= 0 && length >= 0 && start + length <= extent)) {
    throw new TensorError(
      'index_out_of_range',
      `[narrow] expected 0 <= start and start + length <= ${extent}, got start ${start}, length ${length}`,
    );
  }
  const ranges = x.shape.map((_, i) => (i === axis ? { start, stop: start + length } : null));
  return slice(x, ranges);
}

/**
 * Consecutive parts of an axis, of the given sizes (which add up to it), or of one size (the last may be smaller).
 * Views for the first axis, else copies.
 *
 * @param options.dim Default 0.
 * @throws TensorError `shape` for sizes that add up to something else, `value` for a size below 1, `axis`.
 *
 * @example
 * ```ts
 * import { split, tensor } from '@tessera-llm/tensor';
 * const [a, b] = split(tensor([1, 2, 3]), [1, 2]);
 * console.log(await a?.data(), await b?.data()); // [1] [2, 3]
 * ```
 */
export function split(x: Tensor, sizes: number | readonly number[], options: { readonly dim?: number } = {}): Tensor[] {
  const axis = axisOf('split', x, options.dim ?? 0);
  const extent = x.shape[axis] as number;
  let parts: readonly number[];
  if (typeof sizes === 'number') {
    if (!Number.isInteger(sizes) || sizes < 1) {
      throw new TensorError('value', `[split] expected a positive size, got ${sizes}`);
    }
    const count = Math.max(1, Math.ceil(extent / sizes));
    parts = Array.from({ length: count }, (_, i) => Math.min(sizes, extent - i * sizes));
  } else {
    parts = sizes;
    const total = parts.reduce((a, b) => a + b, 0);
    if (total !== extent) {
      throw new TensorError(
        'shape',
        `[split] expected sizes that add up to ${extent}, got (${parts.join(', ')}) = ${total}`,
      );
    }
  }
  let start = 0;
  const cut = noGrad(() =>
    parts.map((length) => {
      const part = narrow(x, { dim: axis, start, length });
      start += length;
      return part;
    }),
  );
  // One step back for all parts: their gradients side by side, instead of one array of x's size for each and their sum.
  record('split', [...cut], [x], [], (gys) => [like(x, kernelsFor('split', x).concat(gys as readonly Tensor[], axis))]);
  return cut;
}

/**
 * `count` parts of an axis, of equal size; the last may be smaller, and there are fewer where the extent has no more,
 * as in torch.chunk.
 *
 * @param options.dim Default 0.
 * @throws TensorError `value` for a count below 1, `axis`.
 *
 * @example
 * ```ts
 * import { chunk, tensor } from '@tessera-llm/tensor';
 * const parts = chunk(tensor([1, 2, 3, 4, 5]), 2);
 * console.log(parts.map((part) => part.size)); // [3, 2]
 * ```
 */
export function chunk(x: Tensor, count: number, options: { readonly dim?: number } = {}): Tensor[] {
  const axis = axisOf('chunk', x, options.dim ?? 0);
  if (!Number.isInteger(count) || count < 1) {
    throw new TensorError('value', `[chunk] expected a positive count, got ${count}`);
  }
  return split(x, Math.max(1, Math.ceil((x.shape[axis] as number) / count)), { dim: axis });
}
