import { record } from '../tape';
import { tensor } from '../create';
import { TensorError } from '../errors';
import { broadcastShapes, checkShape, normalizeAxis, sameShape, showShape } from '../shape';
import { type Tensor, wantTensor } from '../tensor';
import { axesOf, axisOf, firstOf, kernelsFor, like, sameDtype, unbroadcast } from './common';
import { where } from './elementwise';
import { indexSelect } from './indexing';
import { slice, split } from './slice';
import { reshape, unsqueeze } from './view';

/**
 * Axes in another order.
 *
 * @example
 * ```ts
 * import { permute, zeros } from '@tessera-llm/tensor';
 * console.log(permute(zeros([2, 3, 4]), [2, 0, 1]).shape); // [4, 2, 3]
 * ```
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  wantTensor('permute', x);
  if (!Array.isArray(axes)) throw new TensorError('axis', `[permute] expected a list of axes, got ${String(axes)}`);
  const order = axes.map((a) => axisOf('permute', x, a));
  if (order.length !== x.rank || new Set(order).size !== x.rank) {
    throw new TensorError('axis', `[permute] expected each of ${x.rank} axes once, got (${axes.join(', ')})`);
  }
  const k = kernelsFor('permute', x);
  if (order.every((a, i) => a === i)) return reshape(x, x.shape);
  const y = like(x, k.permute(x, order));
  const inverse = order.map((_, i) => order.indexOf(i));
  record('permute', [y], [x], [], ([gy]) => [
    like(x, kernelsFor('permute', gy as Tensor).permute(gy as Tensor, inverse)),
  ]);
  return y;
}

/** Swaps two axes; by default the last two. */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const i = axisOf('transpose', x, a);
  const j = axisOf('transpose', x, b);
  const order = x.shape.map((_, axis) => (axis === i ? j : axis === j ? i : axis));
  return permute(x, order);
}

/** x repeated along axes of extent 1 (and new leading axes) to the given shape. */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  wantTensor('broadcastTo', x);
  checkShape('broadcastTo', shape);
  if (!sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape)) {
    throw new TensorError(
      'shape',
      `[broadcastTo] expected a shape that ${showShape(x.shape)} broadcasts to, got ${showShape(shape)}`,
    );
  }
  const y = like(x, kernelsFor('broadcastTo', x).broadcastTo(x, [...shape]));
  record('broadcastTo', [y], [x], [], ([gy]) => [unbroadcast(gy as Tensor, x.shape)]);
  return y;
}

/**
 * Tensors one after the other along an axis.
 *
 * @example
 * ```ts
 * import { concat, tensor } from '@tessera-llm/tensor';
 * console.log(await concat([tensor([1]), tensor([2, 3])]).data()); // [1, 2, 3]
 * ```
 */
export function concat(xs: readonly Tensor[], options: { readonly dim?: number } = {}): Tensor {
  const first = firstOf('concat', xs);
  const axis = axisOf('concat', first, options.dim ?? 0);
  for (const x of xs) {
    sameDtype('concat', first, x);
    const fits = x.rank === first.rank && x.shape.every((n, i) => i === axis || n === first.shape[i]);
    if (!fits) {
      throw new TensorError(
        'shape',
        `[concat] expected shapes equal but for axis ${axis}, got ${showShape(first.shape)} and ${showShape(x.shape)}`,
      );
    }
  }
  const y = like(first, kernelsFor('concat', ...xs).concat(xs, axis));
  record('concat', [y], xs, [], ([gy], needs) => {
    const parts = split(
      gy as Tensor,
      xs.map((x) => x.shape[axis] as number),
      { dim: axis },
    );
    return parts.map((g, i) => (needs[i] ? g : null));
  });
  return y;
}

/** Tensors of one shape along a new axis. */
export function stack(xs: readonly Tensor[], options: { readonly dim?: number } = {}): Tensor {
  const first = firstOf('stack', xs);
  const axis = normalizeAxis('stack', options.dim ?? 0, first.rank + 1);
  return concat(
    xs.map((x) => unsqueeze(x, axis)),
    { dim: axis },
  );
}

/** x with `value` around it: entries added before and after each axis. */
export function pad(
  x: Tensor,
  options: { readonly before: readonly number[]; readonly after: readonly number[]; readonly value?: number },
): Tensor {
  const { before, after, value = 0 } = options;
  wantTensor('pad', x);
  checkShape('pad', [...before, ...after]);
  if (before.length !== x.rank || after.length !== x.rank) {
    throw new TensorError(
      'shape',
      `[pad] expected ${x.rank} entries in before and after, got ${before.length} and ${after.length}`,
    );
  }
  const y = like(x, kernelsFor('pad', x).pad(x, before, after, value));
  record('pad', [y], [x], [], ([gy]) => [
    slice(
      gy as Tensor,
      x.shape.map((n, i) => ({ start: before[i] as number, stop: (before[i] as number) + n })),
    ),
  ]);
  return y;
}

/** Entries of the given axes in reverse order. */
export function flip(x: Tensor, options: { readonly dims?: number | readonly number[] } = {}): Tensor {
  const axes = axesOf('flip', x, options.dims);
  return slice(
    x,
    x.shape.map((_, i) => (axes.includes(i) ? { step: -1 } : null)),
  );
}

/** Entries of an axis moved on by `shift`, around the end. */
export function roll(x: Tensor, options: { readonly shift: number; readonly dim: number }): Tensor {
  const axis = axisOf('roll', x, options.dim);
  const extent = x.shape[axis] as number;
  if (extent === 0) return reshape(x, x.shape);
  const cut = extent - (((options.shift % extent) + extent) % extent);
  const [head, tail] = split(x, [cut, extent - cut], { dim: axis });
  return concat([tail as Tensor, head as Tensor], { dim: axis });
}

/** The whole tensor `repeats[i]` times along axis i (torch.repeat). */
export function repeat(x: Tensor, repeats: readonly number[]): Tensor {
  wantTensor('repeat', x);
  if (repeats.length < x.rank || repeats.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new TensorError(
      'shape',
      `[repeat] expected at least ${x.rank} non-negative counts, got (${repeats.join(', ')})`,
    );
  }
  const lead = repeats.length - x.rank;
  const shape = repeats.map((_, i) => (i < lead ? 1 : (x.shape[i - lead] as number)));
  const spread = reshape(
    x,
    shape.flatMap((n) => [1, n]),
  );
  const wide = broadcastTo(
    spread,
    shape.flatMap((n, i) => [repeats[i] as number, n]),
  );
  return reshape(
    wide,
    shape.map((n, i) => n * (repeats[i] as number)),
  );
}

/** Each entry of an axis `repeats` times in a row. */
export function repeatInterleave(x: Tensor, options: { readonly repeats: number; readonly dim: number }): Tensor {
  const axis = axisOf('repeatInterleave', x, options.dim);
  const { repeats } = options;
  if (!Number.isInteger(repeats) || repeats < 0) {
    throw new TensorError('value', `[repeatInterleave] expected a non-negative integer of repeats, got ${repeats}`);
  }
  const extent = x.shape[axis] as number;
  const index = Int32Array.from({ length: extent * repeats }, (_, i) => Math.floor(i / repeats));
  return indexSelect(x, tensor(index, { backend: x.backend }), { dim: axis });
}

function triangle(op: string, x: Tensor, keep: (row: number, column: number) => boolean): Tensor {
  wantTensor(op, x);
  if (x.rank < 2) throw new TensorError('shape', `[${op}] expected at least 2 axes, got ${showShape(x.shape)}`);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const mask = new Uint8Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) mask[i * columns + j] = keep(i, j) ? 1 : 0;
  return where(tensor(mask, { shape: [rows, columns], dtype: 'bool', backend: x.backend }), x, 0);
}

/** The lower triangle of the last two axes, up to the given diagonal; zeros above. */
export function tril(x: Tensor, options: { readonly diagonal?: number } = {}): Tensor {
  const { diagonal = 0 } = options;
  return triangle('tril', x, (i, j) => j - i <= diagonal);
}

/** The upper triangle of the last two axes, from the given diagonal; zeros below. */
export function triu(x: Tensor, options: { readonly diagonal?: number } = {}): Tensor {
  const { diagonal = 0 } = options;
  return triangle('triu', x, (i, j) => j - i >= diagonal);
}
