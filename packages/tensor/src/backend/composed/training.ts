import { philoxInto, unitOf } from '../../random/philox';
import type { AdamWAttrs, DropoutAttrs, NDArray } from '../contract';
import type { Steps } from './steps';

/** Drops elements by a mask worked out on the host; the same elements as every other backend. */
export function dropout(s: Steps, x: NDArray, { p, seed, stream, rowKeys }: DropoutAttrs): NDArray {
  const [rows, columns] = x.shape as [number, number];
  const mask = new Float32Array(rows * columns);
  const words = new Uint32Array(4);
  for (let r = 0, at = 0; r < rows; r++) {
    const [sample, position] = [rowKeys[2 * r] as number, rowKeys[2 * r + 1] as number];
    for (let c = 0; c < columns; c++, at++) {
      if (c % 4 === 0) philoxInto(words, 0, seed[0], seed[1], c / 4, stream, sample, position);
      mask[at] = unitOf(words[c % 4] as number) < p ? 0 : 1 / (1 - p);
    }
  }
  return s.cast(s.mul(s.cast(x, 'float32'), s.upload(mask, x.shape, 'float32')), x.dtype);
}

/** One AdamW step in place, op by op. */
export function adamwInPlace(
  s: Steps,
  ...args: readonly [
    param: NDArray,
    grad: NDArray,
    m: NDArray,
    v: NDArray,
    maxV: NDArray | null,
    factor: NDArray | null,
    attrs: AdamWAttrs,
  ]
): undefined {
  const [param, grad, m, v, maxV, factor, attrs] = args;
  const { lr, beta1, beta2, eps, weightDecay, decoupled, step } = attrs;
  const k = s.kernels;
  let g = factor === null ? grad : s.mul(grad, factor);
  if (!decoupled) g = s.add(g, s.mul(param, weightDecay));
  k.copyInPlace(m, s.add(s.mul(m, beta1), s.mul(g, 1 - beta1)));
  k.copyInPlace(v, s.add(s.mul(v, beta2), s.mul(s.unary('square', g), 1 - beta2)));
  if (maxV !== null) k.copyInPlace(maxV, s.binary('maximum', maxV, v));
  const root = s.div(s.unary('sqrt', maxV ?? v), Math.sqrt(1 - beta2 ** step));
  const change = s.div(s.mul(m, lr / (1 - beta1 ** step)), s.add(root, eps));
  const kept = decoupled ? s.mul(param, 1 - lr * weightDecay) : param;
  k.copyInPlace(param, s.sub(kept, change));
}

/** Σ x² over all arrays, (). */
export function sumSquares(s: Steps, xs: readonly NDArray[]): NDArray {
  return xs
    .map((x) => {
      const squares = s.unary('square', s.cast(x, 'float32'));
      const axes = x.shape.map((_, i) => i);
      return s.own(s.kernels.reduce('sum', squares, axes));
    })
    .reduce((a, b) => s.add(a, b), s.fill([], 0));
}
