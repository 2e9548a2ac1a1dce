import { tensor } from '../create';
import { TensorError } from '../errors';
import { showShape } from '../shape';
import { type Tensor, wantTensor } from '../tensor';
import { where } from './select';

function triangle(op: string, x: Tensor, keep: (row: number, column: number) => boolean): Tensor {
  wantTensor(op, x);
  if (x.rank < 2) throw new TensorError('shape', `[${op}] expected at least 2 axes, got ${showShape(x.shape)}`);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const mask = new Uint8Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) mask[i * columns + j] = keep(i, j) ? 1 : 0;
  return where(tensor(mask, { shape: [rows, columns], dtype: 'bool', backend: x.backend }), x, 0);
}

/**
 * The lower triangle of the last two axes, up to the given diagonal; zeros above.
 *
 * @param options.diagonal Default 0, the main one; positive ones lie above it.
 * @throws TensorError `shape` for fewer than two axes.
 *
 * @example
 * ```ts
 * import { ones, tril } from '@tessera-llm/tensor';
 * console.log(await tril(ones([2, 3])).data()); // [1, 0, 0, 1, 1, 0]
 * ```
 */
export function tril(x: Tensor, options: { readonly diagonal?: number } = {}): Tensor {
  const { diagonal = 0 } = options;
  return triangle('tril', x, (i, j) => j - i <= diagonal);
}

/**
 * The upper triangle of the last two axes, from the given diagonal; zeros below.
 *
 * @param options.diagonal Default 0, the main one; positive ones lie above it.
 * @throws TensorError `shape` for fewer than two axes.
 *
 * @example
 * ```ts
 * import { ones, triu } from '@tessera-llm/tensor';
 * console.log(await triu(ones([2, 3]), { diagonal: 1 }).data()); // [0, 1, 1, 0, 0, 1]
 * ```
 */
export function triu(x: Tensor, options: { readonly diagonal?: number } = {}): Tensor {
  const { diagonal = 0 } = options;
  return triangle('triu', x, (i, j) => j - i >= diagonal);
}
