import type { CrossEntropyAttrs } from '../backend/contract';
import { tensor } from '../create';
import { TensorError } from '../errors';
import { showShape } from '../shape';
import { type Tensor, isTensor } from '../tensor';
import { wantDtype, wantIds, wantOneOf, wantScale, wantSoftcap } from './common';
import { reshape } from './view';

/** What becomes of the losses of the elements. */
export type Reduction = 'mean' | 'none' | 'sum';

/** Throws unless `reduction` is known. */
export function wantReduction(op: string, reduction: string, others: readonly string[] = []): void {
  wantOneOf(op, 'reduction', reduction, ['mean', 'none', 'sum', ...others]);
}

/**
 * Targets as (rows) int32 beside x.
 *
 * @throws TensorError `index_out_of_range` for a host-known target that is neither a class nor ignored, `shape`, `dtype`.
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

/** Settings that the cross-entropies have in common, checked and filled in. */
export function crossEntropyAttrs(
  op: string,
  options: Partial<Pick<CrossEntropyAttrs, 'ignoreIndex' | 'labelSmoothing' | 'scale' | 'softcap' | 'temperature'>>,
): CrossEntropyAttrs {
  const { ignoreIndex = -100, labelSmoothing = 0, scale = 1, softcap = null, temperature = 1 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new TensorError('value', `[${op}] expected labelSmoothing from 0 to 1, got ${labelSmoothing}`);
  }
  // Targets are int32: a larger one would wrap to a class.
  if ((ignoreIndex | 0) !== ignoreIndex) {
    throw new TensorError('value', `[${op}] expected ignoreIndex to be an integer of 32 bits, got ${ignoreIndex}`);
  }
  if (!(temperature > 0)) throw new TensorError('value', `[${op}] expected temperature > 0, got ${temperature}`);
  wantScale(op, scale);
  wantSoftcap(op, softcap);
  return { ignoreIndex, labelSmoothing, scale, softcap, temperature };
}
