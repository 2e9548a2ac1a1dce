import { tensor } from '../create';
import { TensorError } from '../errors';
import { showShape } from '../shape';
import { isTensor, type Tensor } from '../tensor';
import { kernelsFor, like, wantDtype, wantIds } from './common';
import { reshape } from './view';

/**
 * Targets as (rows) int32 beside x.
 *
 * @throws TensorError `index_out_of_range` for a host-known target that is neither a class nor ignored, `shape`,
 *   `dtype`.
 */
export function targetIndex(
  op: string,
  x: Tensor,
  targets: Int32Array | Tensor,
  p: { readonly rows: number; readonly classes: number; readonly ignoreIndex?: number },
): Tensor {
  const { rows, classes, ignoreIndex } = p;
  if (!isTensor(targets)) {
    wantIds(op, 'targets', targets);
    for (const t of targets) {
      if (t === ignoreIndex || (t >= 0 && t < classes)) continue;
      const ignored = ignoreIndex === undefined ? '' : `, or ${ignoreIndex} to ignore a row`;
      throw new TensorError(
        'index_out_of_range',
        `[${op}] expected targets from 0 to ${classes - 1}${ignored}, got ${t}`,
      );
    }
  }
  const index = isTensor(targets) ? targets : tensor(targets, { backend: x.backend });
  wantDtype(op, index, 'targets', 'int32');
  if (index.size !== rows) {
    throw new TensorError('shape', `[${op}] expected a target for each of ${rows} rows, got ${showShape(index.shape)}`);
  }
  return index.rank === 1 ? index : reshape(index, [rows]);
}

export function notIgnored(index: Tensor, ignoreIndex: number): Tensor {
  const k = kernelsFor('crossEntropy', index);
  return like(index, k.compare('ne', index, like(index, k.fill([], 'int32', ignoreIndex))));
}
