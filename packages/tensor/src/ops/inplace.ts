import { isTracked } from '../autograd';
import type { AdamWAttrs } from '../backend/contract';
import { TensorError } from '../errors';
import { sameShape, showShape } from '../shape';
import type { Tensor } from '../tensor';
import { kernelsFor, like, wantDtype, wantShape } from './common';

/** Marks a storage as written: saved values and packed forms of it are stale. */
function written(x: Tensor): void {
  x.storage.version++;
  x.backend.invalidate(x.storage.block);
}

function wantSame(op: string, target: Tensor, source: Tensor): void {
  if (!sameShape(target.shape, source.shape)) {
    throw new TensorError(
      'shape',
      `[${op}] expected a source of shape ${showShape(target.shape)}, got ${showShape(source.shape)}`,
    );
  }
}

/** Writing is not recorded: a gradient that should flow through it would be lost without a word. */
function wantUntracked(op: string, source: Tensor): void {
  if (!isTracked([source])) return;
  throw new TensorError(
    'autograd',
    `[${op}] expected a source that no gradient flows to, because writing in place is not recorded; use an op that gives ` +
      'a new tensor, or noGrad where the gradient is not wanted (a pass over a key-value cache is for inference)',
  );
}

/**
 * target += source, in the target's memory.
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
  wantUntracked('addInPlace', source);
  wantDtype('addInPlace', source, 'source', target.dtype);
  kernelsFor('addInPlace', target, source).addInPlace(target, source);
  written(target);
}

/** target *= factor, in the target's memory; factor is a float32 scalar tensor. */
export function scaleInPlace(target: Tensor, factor: Tensor): void {
  wantShape('scaleInPlace', factor, 'factor', []);
  wantDtype('scaleInPlace', factor, 'factor', 'float32');
  kernelsFor('scaleInPlace', target, factor).scaleInPlace(target, factor);
  written(target);
}

/**
 * The target's memory takes the source's values, converted to the target's dtype.
 *
 * @throws TensorError `shape`; `autograd` where a gradient flows to the source.
 */
export function copyInPlace(target: Tensor, source: Tensor): void {
  wantSame('copyInPlace', target, source);
  wantUntracked('copyInPlace', source);
  kernelsFor('copyInPlace', target, source).copyInPlace(target, source);
  written(target);
}

/**
 * Row rows[i] of target (R, …) becomes row i of source (N, …), converted to the target's dtype.
 *
 * @throws TensorError `shape`, `index_out_of_range`; `autograd` where a gradient flows to the source.
 */
export function writeRowsInPlace(target: Tensor, rows: Int32Array, source: Tensor): void {
  const count = target.shape[0] as number;
  wantShape('writeRowsInPlace', source, 'source', [rows.length, ...target.shape.slice(1)]);
  wantUntracked('writeRowsInPlace', source);
  for (const row of rows) {
    if (row < 0 || row >= count) {
      throw new TensorError(
        'index_out_of_range',
        `[writeRowsInPlace] expected rows from 0 to ${count - 1}, got ${row}`,
      );
    }
  }
  kernelsFor('writeRowsInPlace', target, source).writeRowsInPlace(target, rows, source);
  written(target);
}

/** Settings of one AdamW step; see `adamwInPlace`. */
export interface AdamWOptions extends Omit<AdamWAttrs, 'decoupled'> {
  /** false adds the decay to the gradient, as torch.optim.Adam does; default true. */
  readonly decoupled?: boolean;
  /** Largest second moment so far (AMSGrad), of the parameter's shape. */
  readonly maxV?: Tensor | null;
  /** () float32 that multiplies the gradient first: the clipping coefficient. */
  readonly factor?: Tensor | null;
}

/**
 * One AdamW step in one pass, in the memory of param, m and v (all float32, of one shape):
 * m = β₁ m + (1-β₁) g, v = β₂ v + (1-β₂) g², p = p (1 - lr·wd) - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + eps).
 *
 * @see Loshchilov and Hutter 2019, "Decoupled weight decay regularization".
 *
 * @example
 * ```ts
 * import { adamwInPlace, tensor, zerosLike } from '@tessera-llm/tensor';
 * const p = tensor([1]);
 * const settings = { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, step: 1 };
 * adamwInPlace(p, tensor([5]), { m: zerosLike(p), v: zerosLike(p), ...settings });
 * console.log(await p.item()); // 0.9
 * ```
 */
export function adamwInPlace(
  param: Tensor,
  grad: Tensor,
  options: AdamWOptions & { readonly m: Tensor; readonly v: Tensor },
): void {
  const { m, v, maxV = null, factor = null, decoupled = true, ...rest } = options;
  for (const [x, name] of [
    [grad, 'grad'],
    [m, 'm'],
    [v, 'v'],
    [maxV, 'maxV'],
  ] as const) {
    if (x === null) continue;
    wantShape('adamwInPlace', x, name, param.shape);
    wantDtype('adamwInPlace', x, name, 'float32');
  }
  wantDtype('adamwInPlace', param, 'param', 'float32');
  if (factor !== null) {
    wantShape('adamwInPlace', factor, 'factor', []);
    wantDtype('adamwInPlace', factor, 'factor', 'float32');
  }
  if (!Number.isFinite(rest.lr) || !Number.isInteger(rest.step) || rest.step < 1) {
    throw new TensorError(
      'value',
      `[adamwInPlace] expected a finite lr and a step from 1, got ${rest.lr} and ${rest.step}`,
    );
  }
  const others = [maxV, factor].filter((x) => x !== null);
  kernelsFor('adamwInPlace', param, grad, m, v, ...others).adamwInPlace(param, grad, m, v, maxV, factor, {
    ...rest,
    decoupled,
  });
  for (const x of [param, m, v, maxV]) if (x !== null) written(x);
}

/** Σ x² over all the tensors together, () float32, in one pass: the square of their global norm. No gradient. */
export function sumSquares(xs: readonly Tensor[]): Tensor {
  const first = xs[0];
  if (first === undefined) throw new TensorError('value', '[sumSquares] expected at least one tensor, got none');
  return like(first, kernelsFor('sumSquares', ...xs).sumSquares(xs));
}
