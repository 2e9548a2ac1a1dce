import { isTracked } from '../tape';
import type { AdamWAttrs, Kernels } from '../backend/contract';
import { TensorError } from '../errors';
import { sameShape, showShape } from '../shape';
import { type Tensor, wantTensor, written } from '../tensor';
import { firstOf, kernelsFor, like, wantDtype, wantShape } from './common';

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
 * Writes from the source, or from a copy of it where it shares memory with the target: kernels read while they write, in an
 * order of their own.
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
 * target += source, in the target's memory. The source may be a view that overlaps the target: its values from before count.
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
 * target *= factor, in the target's memory; factor is a float32 scalar tensor.
 *
 * @throws TensorError `shape`, `dtype`; `autograd` where a gradient flows to either.
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
 * The target's memory takes the source's values, converted to the target's dtype. The source may be a view that overlaps the
 * target: its values from before count.
 *
 * @throws TensorError `shape`; `autograd` where a gradient flows to either.
 */
export function copyInPlace(target: Tensor, source: Tensor): void {
  wantSame('copyInPlace', target, source);
  wantUntracked('copyInPlace', 'source', source);
  wantUntracked('copyInPlace', 'target', target);
  writeFrom('copyInPlace', target, source, (k, from) => k.copyInPlace(target, from));
}

/**
 * Row rows[i] of target (R, …) becomes row i of source (N, …), converted to the target's dtype; of equal
 * rows the last one stays. The source may be a view that overlaps the target: its values from before count.
 *
 * @throws TensorError `shape`, `index_out_of_range`; `autograd` where a gradient flows to either.
 */
export function writeRowsInPlace(target: Tensor, rows: Int32Array, source: Tensor): void {
  wantTensor('writeRowsInPlace', target, 'target');
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
 * @throws TensorError `shape`, `dtype`, `value` for a setting out of its range.
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
  wantDtype('adamwInPlace', param, 'param', 'float32');
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
  if (factor !== null) {
    wantShape('adamwInPlace', factor, 'factor', []);
    wantDtype('adamwInPlace', factor, 'factor', 'float32');
  }
  const { beta1, beta2, eps, lr, step, weightDecay } = rest;
  const fails = (what: string): never => {
    throw new TensorError('value', `[adamwInPlace] expected ${what}`);
  };
  if (!Number.isFinite(lr) || !Number.isInteger(step) || step < 1) {
    fails(`a finite lr and a step from 1, got ${lr} and ${step}`);
  }
  if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
    fails(`beta1 and beta2 from 0 to below 1, got ${beta1} and ${beta2}`);
  }
  if (!(eps >= 0 && Number.isFinite(eps) && Number.isFinite(weightDecay))) {
    fails(`a finite eps of 0 or more and a finite weightDecay, got ${eps} and ${weightDecay}`);
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
  const first = firstOf('sumSquares', xs);
  return like(first, kernelsFor('sumSquares', ...xs).sumSquares(xs));
}
