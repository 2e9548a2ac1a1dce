import type { Kernels } from '../backend/contract';
import { TensorError } from '../errors';
import { sameShape, showShape } from '../shape';
import { isTracked } from '../tape';
import { type Tensor, wantTensor, written } from '../tensor';
import { firstOf, kernelsFor, like, wantDtype, wantIds, wantShape } from './common';

function wantSame(op: string, target: Tensor, source: Tensor): void {
  wantTensor(op, target, 'target');
  wantTensor(op, source, 'source');
  if (!sameShape(target.shape, source.shape)) {
    throw new TensorError(
      'shape',
      `[${op}] expected a source of shape ${showShape(target.shape)}, got ${showShape(source.shape)}`,
    );
  }
}

/** Writing is not recorded: a gradient that should flow through it would be lost without a word. */
function wantUntracked(op: string, role: 'source' | 'target', x: Tensor): void {
  if (!isTracked([x])) return;
  throw new TensorError(
    'autograd',
    `[${op}] expected a ${role} that no gradient flows to, because writing in place is not recorded; use an op that gives ` +
      'a new tensor, or noGrad where the gradient is not wanted (a pass over a key-value cache is for inference)',
  );
}

/**
 * Writes from the source, or from a copy of it where it shares memory with the target: kernels read while they write,
 * in an order of their own.
 */
function writeFrom(
  op: string,
  target: Tensor,
  source: Tensor,
  write: (kernels: Kernels, source: Tensor) => void,
): void {
  const kernels = kernelsFor(op, target, source);
  const overlap =
    source.storage === target.storage &&
    source.offset < target.offset + target.size &&
    target.offset < source.offset + source.size;
  if (overlap) {
    const copy = like(source, kernels.copy(source));
    try {
      write(kernels, copy);
    } finally {
      copy.dispose();
    }
  } else {
    write(kernels, source);
  }
  written(target);
}

/**
 * target += source, in the target's memory; both of one shape and dtype. The source may be a view that overlaps the
 * target: its values from before count. Where a gradient flows to the target, it stays as it is: a constant was added.
 *
 * @throws TensorError `shape`, `dtype`; `autograd` where a gradient flows to the source.
 *
 * @example
 * ```ts
 * import { addInPlace, tensor } from '@tessera-llm/tensor';
 * const total = tensor([1, 2]);
 * addInPlace(total, tensor([10, 10]));
 * console.log(await total.data(), total.version); // [11, 12] 1
 * ```
 */
export function addInPlace(target: Tensor, source: Tensor): void {
  wantSame('addInPlace', target, source);
  wantUntracked('addInPlace', 'source', source);
  wantDtype('addInPlace', source, 'source', target.dtype);
  writeFrom('addInPlace', target, source, (k, from) => k.addInPlace(target, from));
}

/**
 * target *= factor, in the target's memory; factor is a float32 scalar tensor, (), and need not come to the host.
 *
 * @throws TensorError `shape`, `dtype`; `autograd` where a gradient flows to either.
 *
 * @example
 * ```ts
 * import { scaleInPlace, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, 2]);
 * scaleInPlace(x, tensor(0.5));
 * console.log(await x.data()); // [0.5, 1]
 * ```
 */
export function scaleInPlace(target: Tensor, factor: Tensor): void {
  wantShape('scaleInPlace', factor, 'factor', []);
  wantDtype('scaleInPlace', factor, 'factor', 'float32');
  wantUntracked('scaleInPlace', 'source', factor);
  wantUntracked('scaleInPlace', 'target', target);
  kernelsFor('scaleInPlace', target, factor).scaleInPlace(target, factor);
  written(target);
}

/**
 * The target's memory takes the source's values, converted to the target's dtype as in `cast`; both of one shape. The
 * source may be a view that overlaps the target: its values from before count.
 *
 * @throws TensorError `shape`; `autograd` where a gradient flows to either.
 *
 * @example
 * ```ts
 * import { copyInPlace, tensor, zeros } from '@tessera-llm/tensor';
 * const x = zeros([2]);
 * copyInPlace(x, tensor(new Int32Array([3, 4])));
 * console.log(await x.data()); // [3, 4]
 * ```
 */
export function copyInPlace(target: Tensor, source: Tensor): void {
  wantSame('copyInPlace', target, source);
  wantUntracked('copyInPlace', 'source', source);
  wantUntracked('copyInPlace', 'target', target);
  writeFrom('copyInPlace', target, source, (k, from) => k.copyInPlace(target, from));
}

/**
 * Row rows[i] of target (R, …) becomes row i of source (N, …), converted to the target's dtype; of equal rows the last
 * one stays. The source may be a view that overlaps the target: its values from before count.
 *
 * @param rows (N)
 * @throws TensorError `shape`, `index_out_of_range`; `autograd` where a gradient flows to either.
 *
 * @example
 * ```ts
 * import { tensor, writeRowsInPlace, zeros } from '@tessera-llm/tensor';
 * const store = zeros([3, 2]);
 * writeRowsInPlace(store, new Int32Array([2, 0]), tensor([[1, 2], [3, 4]]));
 * console.log(await store.data()); // [3, 4, 0, 0, 1, 2]
 * ```
 */
export function writeRowsInPlace(target: Tensor, rows: Int32Array, source: Tensor): void {
  wantTensor('writeRowsInPlace', target, 'target');
  wantIds('writeRowsInPlace', 'rows', rows);
  const count = target.shape[0];
  if (count === undefined) {
    throw new TensorError('shape', '[writeRowsInPlace] expected a target (R, …), got a scalar; use copyInPlace()');
  }
  wantShape('writeRowsInPlace', source, 'source', [rows.length, ...target.shape.slice(1)]);
  wantUntracked('writeRowsInPlace', 'source', source);
  wantUntracked('writeRowsInPlace', 'target', target);
  for (const row of rows) {
    if (row < 0 || row >= count) {
      throw new TensorError(
        'index_out_of_range',
        `[writeRowsInPlace] expected rows from 0 to ${count - 1}, got ${row}`,
      );
    }
  }
  writeFrom('writeRowsInPlace', target, source, (k, from) => k.writeRowsInPlace(target, rows, from));
}

/**
 * Σ x² over all the tensors together, () float32, in one pass: the square of their global norm. They need not have one
 * shape or dtype. No gradient flows through.
 *
 * @throws TensorError `value` for an empty list, `backend` for tensors of several.
 *
 * @example
 * ```ts
 * import { sumSquares, tensor } from '@tessera-llm/tensor';
 * console.log(await sumSquares([tensor([3]), tensor([[4, 12]])]).item()); // 169
 * ```
 */
export function sumSquares(xs: readonly Tensor[]): Tensor {
  const first = firstOf('sumSquares', xs);
  return like(first, kernelsFor('sumSquares', ...xs).sumSquares(xs));
}
