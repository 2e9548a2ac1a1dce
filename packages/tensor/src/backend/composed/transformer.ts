import type { Epilogue, FusedKernels, GateFn, NDArray } from '../contract';
import type { Steps } from './steps';

/** x weightᵀ + bias, or x weight + bias if the weight lies across. */
export function linear(s: Steps, ...args: Parameters<FusedKernels['linear']>): NDArray {
  const [x, weight, bias, compute, across = false] = args;
  const y = s.matmul(x, weight, across ? 'none' : 'b', compute);
  return bias === null ? y : s.add(y, s.cast(bias, 'float32'));
}

export function linearThen(s: Steps, after: Epilogue, ...args: Parameters<FusedKernels['linear']>): NDArray {
  return followed(s, linear(s, ...args), after);
}

/** What follows a product y, float32. */
export function followed(s: Steps, y: NDArray, after: Epilogue): NDArray {
  if (after.kind === 'add') return s.add(after.values, y);
  return after.kind === 'gate' ? gated(s, after.activation, after.values, y) : activated(s, after.activation, y);
}

/** Turns pairs of the first R entries of each head; the rest pass through. */
export function rope(
  s: Steps,
  ...args: readonly [x: NDArray, cos: NDArray, sin: NDArray, interleaved: boolean, inverse: boolean]
): NDArray {
  const [x, cos, sin, interleaved, inverse] = args;
  const [rows, heads, width] = x.shape as [number, number, number];
  const half = cos.shape[1] as number;
  const wide = s.cast(x, 'float32');
  const [c, turn] = [cos, sin].map((t) => s.view(s.cast(t, 'float32'), [rows, 1, half])) as [NDArray, NDArray];
  const sine = inverse ? s.unary('neg', turn) : turn;
  const first = s.lastAxis(wide, 0, interleaved ? 2 : 1, half);
  const second = s.lastAxis(wide, interleaved ? 1 : half, interleaved ? 2 : 1, half);
  const p = s.sub(s.mul(first, c), s.mul(second, sine));
  const q = s.add(s.mul(second, c), s.mul(first, sine));
  // (N, H, R/2, 1) twice, side by side, is (N, H, R) with the pairs next to each other.
  const apart = [rows, heads, half, 1];
  const turned = interleaved
    ? s.view(s.concat([s.view(p, apart), s.view(q, apart)], 3), [rows, heads, 2 * half])
    : s.concat([p, q], 2);
  const rest = width - 2 * half;
  const y = rest === 0 ? turned : s.concat([turned, s.lastAxis(wide, 2 * half, 1, rest)], 2);
  return s.cast(y, x.dtype);
}

function activated(s: Steps, fn: GateFn, x: NDArray): NDArray {
  return fn === 'identity' ? x : s.unary(fn, x);
}

/** act(gate) · up. */
export function gated(s: Steps, fn: GateFn, gate: NDArray, up: NDArray): NDArray {
  return s.cast(s.mul(activated(s, fn, s.cast(gate, 'float32')), s.cast(up, 'float32')), gate.dtype);
}

export function gatedGrad(
  s: Steps,
  fn: GateFn,
  gate: NDArray,
  up: NDArray,
  gy: NDArray,
): { ggate: NDArray; gup: NDArray } {
  const [x, u, g] = [gate, up, gy].map((t) => s.cast(t, 'float32')) as [NDArray, NDArray, NDArray];
  const act = activated(s, fn, x);
  const inner = s.mul(g, u);
  const ggate = fn === 'identity' ? inner : s.own(s.kernels.unaryGrad(fn, x, act, inner));
  return { ggate: s.cast(ggate, gate.dtype), gup: s.cast(s.mul(g, act), up.dtype) };
}
