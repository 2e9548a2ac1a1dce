import { vjp } from './autograd';
import { tensor } from './create';
import { mul } from './ops/binary';
import { sum } from './ops/reduce';
import { scope } from './scope';
import type { Tensor } from './tensor';

/** Settings of `checkGradients`. */
export interface GradientCheck {
  /** Half the step of the central difference; default 1e-2, which balances float32 rounding against curvature. */
  readonly step?: number;
  /** Largest allowed |analytic - numeric|, absolute plus relative to the larger; default 1e-2 each. */
  readonly tolerance?: number;
  /** Which inputs to check; default all float32 ones. */
  readonly wrt?: readonly number[];
}

/**
 * Compares an op's vector-Jacobian product with central finite differences, as torch.autograd.gradcheck does.
 * For tests of ops, also your own (`customOp`). Needs a backend whose memory can be read at once.
 *
 * @throws Error naming the first input and element where the two differ too much.
 *
 * @example
 * ```ts
 * import { tanh, tensor } from '@tessera-llm/tensor';
 * import { checkGradients } from '@tessera-llm/tensor/testing';
 * checkGradients(([x]) => tanh(x), [tensor([0.3, -0.7])]);
 * ```
 */
export function checkGradients(
  fn: (inputs: readonly Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientCheck = {},
): void {
  const { step = 1e-2, tolerance = 1e-2 } = options;
  const wrt = options.wrt ?? inputs.flatMap((x, i) => (x.dtype === 'float32' ? [i] : []));
  const shape = scope(() => fn(inputs)).shape;
  const size = shape.reduce((a, b) => a * b, 1);
  // Fixed, uneven weights, so that errors do not cancel in the sum.
  const weights = Float32Array.from({ length: size }, (_, i) => Math.sin(1.7 * i + 0.5));
  const upstream = tensor(weights, { shape });
  const { grads } = vjp(
    () => [fn(inputs)],
    wrt.map((i) => inputs[i] as Tensor),
    [upstream],
  );
  const value = (xs: readonly Tensor[]) => scope(() => sum(mul(fn(xs), upstream)).dataSync()[0] as number);
  wrt.forEach((which, g) => {
    const x = inputs[which] as Tensor;
    const base = Float32Array.from(x.dataSync());
    const analytic = (grads[g] as Tensor).dataSync();
    for (let i = 0; i < base.length; i++) {
      const at = (delta: number): number => {
        const moved = base.slice();
        moved[i] = (moved[i] as number) + delta;
        const xs = [...inputs];
        return scope(() => {
          xs[which] = tensor(moved, { shape: x.shape });
          return value(xs);
        });
      };
      const numeric = (at(step) - at(-step)) / (2 * step);
      const got = analytic[i] as number;
      const allowed = tolerance * (1 + Math.max(Math.abs(got), Math.abs(numeric)));
      if (!(Math.abs(got - numeric) <= allowed)) {
        throw new Error(
          `input ${which}, element ${i}: the op's gradient is ${got}, finite differences give ${numeric}`,
        );
      }
    }
  });
}
