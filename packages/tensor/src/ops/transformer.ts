import type { GateFn } from '../backend/contract';
import { isTracked, record } from '../tape';
import { TensorError } from '../errors';
import { words } from '../random/key';
import { sameShape, showShape } from '../shape';
import type { Tensor } from '../tensor';
import { kernelsFor, like, sameDtype, wantFloat, wantGate, wantShape } from './common';
import { reshape } from './view';

/**
 * Rotary position embedding: pairs of the first R = 2 · cos.shape[1] entries of each head turn by the row's angles, the
 * rest pass through: (a, b) becomes (a cos - b sin, a sin + b cos). x (N, H, D), cos and sin (N, R/2), any float
 * dtypes; the result has x's. No gradient flows to cos and sin.
 *
 * @param options.interleaved Pairs are (2i, 2i+1) instead of (i, i + R/2); default false, Llama's layout.
 * @throws TensorError `shape`, `dtype`
 * @see Su et al. 2021, "RoFormer".
 *
 * @example
 * ```ts
 * import { rope, tensor } from '@tessera-llm/tensor';
 * const y = rope(tensor([[[1, 0]]]), tensor([[0]]), tensor([[1]])); // a quarter turn
 * console.log(await y.data()); // [0, 1]
 * ```
 */
export function rope(x: Tensor, cos: Tensor, sin: Tensor, options: { readonly interleaved?: boolean } = {}): Tensor {
  const { interleaved = false } = options;
  wantFloat('rope', x);
  wantShape('rope', x, 'x', [null, null, null]);
  const [rows, , width] = x.shape as [number, number, number];
  wantFloat('rope', cos, 'cos');
  wantFloat('rope', sin, 'sin');
  wantShape('rope', cos, 'cos', [rows, null]);
  wantShape('rope', sin, 'sin', cos.shape);
  if (2 * (cos.shape[1] as number) > width) {
    throw new TensorError(
      'shape',
      `[rope] expected cos of shape (N, R/2) with R <= ${width}, got ${showShape(cos.shape)}`,
    );
  }
  const y = like(x, kernelsFor('rope', x, cos, sin).rope(x, cos, sin, interleaved, false));
  record('rope', [y], [x], [cos, sin], ([gy]) => [
    like(x, kernelsFor('rope', gy as Tensor).rope(gy as Tensor, cos, sin, interleaved, true)),
  ]);
  return y;
}

/**
 * act(gate) · up, the inner part of a gated feed-forward (SwiGLU with silu, GEGLU with geluErf or geluTanh); gate and
 * up of one shape and float dtype, which the result has.
 *
 * @param options.activation Default silu, Llama's.
 * @throws TensorError `shape`, `dtype`, `value` for an unknown activation.
 * @see Shazeer 2020, "GLU variants improve transformer".
 *
 * @example
 * ```ts
 * import { gated, tensor } from '@tessera-llm/tensor';
 * console.log(await gated(tensor([-1, 2]), tensor([5, 5]), { activation: 'relu' }).data()); // [0, 10]
 * ```
 */
export function gated(gate: Tensor, up: Tensor, options: { readonly activation?: GateFn } = {}): Tensor {
  const { activation = 'silu' } = options;
  wantFloat('gated', gate, 'gate');
  wantFloat('gated', up, 'up');
  wantGate('gated', activation);
  sameDtype('gated', gate, up);
  if (!sameShape(gate.shape, up.shape)) {
    throw new TensorError(
      'shape',
      `[gated] expected gate and up of one shape, got ${showShape(gate.shape)} and ${showShape(up.shape)}`,
    );
  }
  const y = like(gate, kernelsFor('gated', gate, up).gated(activation, gate, up));
  record('gated', [y], [gate, up], [gate, up], ([gy]) => {
    const g = kernelsFor('gated', gy as Tensor).gatedGrad(activation, gate, up, gy as Tensor);
    return [like(gate, g.ggate), like(gate, g.gup)];
  });
  return y;
}

/** Settings of `dropout`. */
export interface DropoutOptions {
  /** Probability of dropping an element, 0 <= p < 1. */
  readonly p: number;
  /** An integer from 0 to below 2^53, or a bigint of 64 bits. */
  readonly seed: number | bigint;
  /** 32 bits: usually a hash of the step and the module's path; see `hash32`. */
  readonly stream: number;
  /** Two words for each of the N rows, (sample, position): (2N). What is dropped does not depend on the batch. */
  readonly rowKeys: Int32Array;
}

/**
 * Drops elements of x (N, …) of a float dtype with probability p and scales the others by 1 / (1 - p). What is dropped
 * is a function of seed, stream, row key and column: the same in any batch, and again when recomputed under
 * `checkpoint`.
 *
 * @returns x itself if p is 0.
 * @throws TensorError `value` for a p or seed out of its range, `shape`, `dtype`.
 * @see Srivastava et al. 2014, "Dropout".
 *
 * @example
 * ```ts
 * import { dropout, ones } from '@tessera-llm/tensor';
 * const y = dropout(ones([2, 4]), { p: 0.5, seed: 1, stream: 0, rowKeys: new Int32Array([0, 0, 0, 1]) });
 * console.log((await y.data()).every((v) => v === 0 || v === 2)); // true
 * ```
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  const { p, rowKeys } = options;
  wantFloat('dropout', x);
  const rows = x.shape[0];
  if (!(p >= 0 && p < 1)) throw new TensorError('value', `[dropout] expected 0 <= p < 1, got ${p}`);
  if (rows === undefined || rowKeys.length !== 2 * rows) {
    throw new TensorError(
      'shape',
      `[dropout] expected x (N, …) and rowKeys of 2N words, got ${showShape(x.shape)} and ${rowKeys.length}`,
    );
  }
  if (p === 0 || x.size === 0) return x;
  const flat = reshape(x, [rows, x.size / rows]);
  // The backward pass reads the keys again, after the caller may have written others into the array.
  const keys = isTracked([flat]) ? rowKeys.slice() : rowKeys;
  const attrs = { p, seed: words('seed', options.seed), stream: options.stream >>> 0, rowKeys: keys };
  const y = like(x, kernelsFor('dropout', flat).dropout(flat, attrs));
  record('dropout', [y], [flat], [], ([gy]) => [
    like(x, kernelsFor('dropout', gy as Tensor).dropout(gy as Tensor, attrs)),
  ]);
  return reshape(y, x.shape);
}
