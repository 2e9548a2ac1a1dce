import { tensor } from '../create';
import { TensorError } from '../errors';
import { type Tensor, wantTensor } from '../tensor';
import { axisOf } from './common';
import { indexSelect } from './indexing';
import { broadcastTo } from './shape';
import { reshape } from './view';

/**
 * The whole tensor `repeats[i]` times along axis i, as torch's repeat; more counts than axes add leading ones.
 *
 * @throws TensorError `shape` for fewer counts than axes, or counts that are no non-negative integers.
 *
 * @example
 * ```ts
 * import { repeat, tensor } from '@tessera-llm/tensor';
 * console.log(await repeat(tensor([1, 2]), [3]).data()); // [1, 2, 1, 2, 1, 2]
 * ```
 */
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

/**
 * Each entry of an axis `repeats` times in a row.
 *
 * @throws TensorError `value` unless repeats is a non-negative integer, `axis`.
 *
 * @example
 * ```ts
 * import { repeatInterleave, tensor } from '@tessera-llm/tensor';
 * console.log(await repeatInterleave(tensor([1, 2]), { repeats: 2, dim: 0 }).data()); // [1, 1, 2, 2]
 * ```
 */
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
