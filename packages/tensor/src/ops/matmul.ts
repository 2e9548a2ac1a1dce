import type { Compute, MatmulAttrs } from '../backend/contract';
import { isTracked, record } from '../tape';
import { TensorError } from '../errors';
import { broadcastShapes, showShape, sizeOf } from '../shape';
import type { Tensor } from '../tensor';
import { kernelsFor, like, sameDtype, unbroadcast, wantCompute, wantFloat, wantShape, wantVector } from './common';
import { type ProductEpilogue, applyEpilogue, checkEpilogue } from './epilogue';
import { reshape } from './view';

/** Settings of a matrix product. */
export interface MatmulOptions {
  /** a is stored as (…, K, M); default false. */
  readonly transposeA?: boolean;
  /** b is stored as (…, N, K); default false. */
  readonly transposeB?: boolean;
  /** Precision of the inputs; sums are float32. Default float32. */
  readonly compute?: Compute;
}

function times(a: Tensor, b: Tensor, attrs: MatmulAttrs): Tensor {
  return like(a, kernelsFor('matmul', a, b).matmul(a, b, attrs));
}

/** The product of operands of rank 2 or more, on the tape. */
function matmulRaw(a: Tensor, b: Tensor, attrs: MatmulAttrs): Tensor {
  const { transposeA, transposeB } = attrs;
  const y = times(a, b, attrs);
  record('matmul', [y], [a, b], [a, b], ([gy], needs) => {
    const g = gy as Tensor;
    const turned = (p: Tensor, q: Tensor, tp: boolean, tq: boolean) =>
      times(p, q, { ...attrs, transposeA: tp, transposeB: tq });
    const ga = () => (transposeA ? turned(b, g, transposeB, true) : turned(g, b, false, !transposeB));
    const gb = () => (transposeB ? turned(g, a, true, transposeA) : turned(a, g, !transposeA, false));
    return [needs[0] ? unbroadcast(ga(), a.shape) : null, needs[1] ? unbroadcast(gb(), b.shape) : null];
  });
  return y;
}

/**
 * Matrix product a (…, M, K) · b (…, K, N) → (…, M, N), as torch.matmul: leading axes broadcast, operands of rank 1 are
 * contracted, K = 0 gives zeros. a and b have one float dtype; the result is float32, summed in an order that depends
 * on K alone.
 *
 * On AMX the native backend makes float32 products of three bfloat16 parts of each value: as exact, but with other last
 * bits than `linear` has, and values below 2^-102 lose low bits.
 *
 * @throws TensorError `shape`, `dtype`, `value` for an unknown precision.
 *
 * @example
 * ```ts
 * import { matmul, tensor } from '@tessera-llm/tensor';
 * const y = matmul(tensor([[1, 2], [3, 4]]), tensor([[1], [1]]));
 * console.log(await y.data()); // [3, 7]
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, compute = 'float32' } = options;
  wantFloat('matmul', a, 'a');
  wantFloat('matmul', b, 'b');
  sameDtype('matmul', a, b);
  wantCompute('matmul', compute);
  if (a.rank === 0 || b.rank === 0) {
    throw new TensorError(
      'shape',
      `[matmul] expected operands with at least one axis, got ${showShape(a.shape)} x ${showShape(b.shape)}`,
    );
  }
  const vectorA = a.rank === 1;
  const vectorB = b.rank === 1;
  const left = vectorA ? reshape(a, transposeA ? [a.size, 1] : [1, a.size]) : a;
  const right = vectorB ? reshape(b, transposeB ? [1, b.size] : [b.size, 1]) : b;
  const [m, ka] = ends(left, transposeA);
  const [kb, n] = ends(right, transposeB);
  if (ka !== kb) {
    const hint = b.rank >= 2 && b.shape[b.rank - (transposeB ? 2 : 1)] === ka ? '; transpose b, or use linear()' : '';
    throw new TensorError(
      'shape',
      `[matmul] expected (…, M, K) x (…, K, N), got ${showShape(left.shape)}${transposeA ? 'ᵀ' : ''} x ${showShape(right.shape)}${transposeB ? 'ᵀ' : ''}${hint}`,
    );
  }
  const lead = broadcastShapes('matmul', left.shape.slice(0, -2), right.shape.slice(0, -2));
  const attrs: MatmulAttrs = { transposeA, transposeB, compute, out: 'float32' };
  // Many matrices times one are one tall product.
  const tall = right.rank === 2 && left.rank > 2 && !transposeA;
  const y = tall
    ? matmulRaw(reshape(left, [sizeOf(left.shape.slice(0, -1)), ka]), right, attrs)
    : matmulRaw(left, right, attrs);
  const shape = [...lead, ...(vectorA ? [] : [m]), ...(vectorB ? [] : [n])];
  return shape.length === y.rank && !tall ? y : reshape(y, shape);
}

function ends(x: Tensor, transposed: boolean): [number, number] {
  const [p, q] = x.shape.slice(-2) as [number, number];
  return transposed ? [q, p] : [p, q];
}

/** Settings of `linear`. */
export interface LinearOptions extends ProductEpilogue {
  /** (M); default none. */
  readonly bias?: Tensor | null;
  /**
   * bfloat16 rounds x and weight (and, in the backward pass, the incoming gradient) to bfloat16 before the products;
   * sums stay float32. Default float32.
   */
  readonly compute?: Compute;
  /** The weight is (K, M), as GPT-2 stores it, and y = x W + b; default false. */
  readonly across?: boolean;
}

/**
 * x Wᵀ + b over the last axis: x (…, K), weight (M, K), bias (M), any float dtypes → (…, M) float32, as
 * torch.nn.functional.linear; then what the options of `ProductEpilogue` say, in the same kernel. With an activation or
 * a gate that is so where no gradient flows: the backward pass needs the product by itself, which is then made first,
 * with the same bits.
 *
 * @throws TensorError `shape`, `dtype`; `value` for a residual beside a gate or an activation, or an unknown name.
 *
 * @example
 * ```ts
 * import { linear, tensor } from '@tessera-llm/tensor';
 * const weight = tensor([[1, 0], [0, 1], [1, 1]]);
 * const y = linear(tensor([1, 2]), weight, { bias: tensor([0, 0, 10]), residual: tensor([1, 1, 1]) });
 * console.log(await y.data()); // [2, 3, 14]
 * ```
 */
export function linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const { bias = null, compute = 'float32', across = false } = options;
  wantFloat('linear', x);
  wantFloat('linear', weight, 'weight');
  wantShape('linear', weight, 'weight', [null, null]);
  wantCompute('linear', compute);
  const [m, k] = (across ? weight.shape.toReversed() : weight.shape) as [number, number];
  if (x.rank === 0 || x.shape[x.rank - 1] !== k) {
    throw new TensorError(
      'shape',
      `[linear] expected x of shape (…, ${k}) for weight ${showShape(weight.shape)}${across ? ' across' : ''}, got ${showShape(x.shape)}`,
    );
  }
  if (bias !== null) wantVector('linear', bias, 'bias', m);
  const shape = [...x.shape.slice(0, -1), m];
  const then = checkEpilogue('linear', options, shape);
  const rows = reshape(x, [sizeOf(x.shape.slice(0, -1)), k]);
  const inputs = [rows, weight, ...(bias === null ? [] : [bias]), ...(then?.values ? [then.values] : [])];
  if (then !== null && then.after.kind !== 'add' && isTracked(inputs)) {
    return applyEpilogue(linear(x, weight, { bias, compute, across }), options);
  }
  const kernels = kernelsFor('linear', ...inputs);
  const product = [rows, weight, bias, compute, across] as const;
  const y = like(x, then === null ? kernels.linear(...product) : kernels.linearThen(then.after, ...product));
  record('linear', [y], inputs, [rows, weight], ([gy], needs) => {
    const g = gy as Tensor;
    const attrs = { compute, out: 'float32' } as const;
    const [left, right] = across ? [rows, g] : [g, rows]; // of the weight's gradient
    const grads: (Tensor | null)[] = [
      needs[0] ? times(g, weight, { ...attrs, transposeA: false, transposeB: across }) : null,
      needs[1] ? times(left, right, { ...attrs, transposeA: true, transposeB: false }) : null,
    ];
    if (bias !== null) grads.push(needs[2] ? like(g, kernelsFor('linear', g).reduce('sum', g, [0])) : null);
    if (then !== null) grads.push(g); // of the residual
    return grads;
  });
  return x.rank === 2 ? y : reshape(y, shape);
}
