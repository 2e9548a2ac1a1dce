import type { Epilogue, GateFn } from '../backend/contract';
import { TensorError } from '../errors';
import { sameShape, showShape, sizeOf } from '../shape';
import { type Tensor, wantTensor } from '../tensor';
import { add } from './binary';
import { wantDtype, wantGate } from './common';
import { gated } from './transformer';
import { unary } from './unary';
import { reshape } from './view';

/**
 * What follows a product y (…, M) in one kernel with it: the same bits as the op behind it, without a pass over memory
 * of its own. `residual` alone, `activation` alone, or `gate` with or without an activation.
 */
export interface ProductEpilogue {
  /** (…, M) float32: y + residual. */
  readonly residual?: Tensor | null;
  /** activation(y); beside `gate` the gate's, silu by default. */
  readonly activation?: GateFn;
  /** (…, M) float32: activation(gate) · y. */
  readonly gate?: Tensor | null;
}

/**
 * The epilogue of a product that is there already, as an op of its own.
 *
 * @returns y itself where nothing follows.
 * @throws TensorError `shape`, `dtype`; `value` for a residual beside a gate or an activation, or an unknown
 *   activation.
 *
 * @example
 * ```ts
 * import { applyEpilogue, tensor } from '@tessera-llm/tensor';
 * const y = applyEpilogue(tensor([1, 2]), { residual: tensor([10, 10]) });
 * console.log(await y.data()); // [11, 12]
 * ```
 */
export function applyEpilogue(y: Tensor, epilogue: ProductEpilogue): Tensor {
  wantTensor('applyEpilogue', y, 'y');
  const found = checkEpilogue('applyEpilogue', epilogue, y.shape);
  if (found === null) return y;
  const { after } = found;
  if (epilogue.residual) return add(epilogue.residual, y);
  if (after.kind !== 'add' && epilogue.gate) return gated(epilogue.gate, y, { activation: after.activation });
  return after.kind === 'activate' && after.activation !== 'identity' ? unary(after.activation, y) : y;
}

/**
 * @internal The kernels' form of an epilogue for a product of this shape, and the tensor in it as rows (N, M); null:
 * nothing follows.
 */
export function checkEpilogue(
  op: string,
  { residual = null, gate = null, activation }: ProductEpilogue,
  shape: readonly number[],
): { readonly after: Epilogue; readonly values: Tensor | null } | null {
  if (residual !== null && (gate !== null || activation !== undefined)) {
    throw new TensorError(
      'value',
      `[${op}] expected a residual without gate and activation, got ${gate === null ? 'an activation' : 'a gate'} too; ` +
        'a product is added to or activated, not both',
    );
  }
  if (activation !== undefined) wantGate(op, activation);
  const values = rowsOf(op, residual === null ? 'gate' : 'residual', residual ?? gate, shape);
  if (values === null)
    return activation === undefined ? null : { after: { kind: 'activate', activation }, values: null };
  const after: Epilogue =
    residual === null ? { kind: 'gate', values, activation: activation ?? 'silu' } : { kind: 'add', values };
  return { after, values };
}

function rowsOf(op: string, name: string, x: Tensor | null, shape: readonly number[]): Tensor | null {
  if (x === null) return null;
  wantDtype(op, x, name, 'float32');
  if (!sameShape(x.shape, shape)) {
    throw new TensorError('shape', `[${op}] expected ${name} of shape ${showShape(shape)}, got ${showShape(x.shape)}`);
  }
  return reshape(x, [sizeOf(shape.slice(0, -1)), shape[shape.length - 1] as number]);
}
