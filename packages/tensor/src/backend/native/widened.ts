import type { NDArray } from '../contract';
import type { NativeCalls } from './calls';

/** Runs with operands of which those that kernels don't take are float32 copies, which go at once. */
export type Widened = <T>(
  xs: readonly (NDArray | null)[],
  takes: (x: NDArray) => boolean,
  run: (xs: readonly (NDArray | null)[]) => T,
) => T;

/** @param widen An array as float32. */
export function widenedBy({ memory }: NativeCalls, widen: (x: NDArray) => NDArray): Widened {
  return (xs, takes, run) => {
    if (xs.every((x) => x === null || takes(x))) return run(xs);
    const wide = xs.map((x) => (x === null || takes(x) ? x : widen(x)));
    try {
      return run(wide);
    } finally {
      wide.forEach((x, i) => x !== null && x !== xs[i] && memory.free(x.block));
    }
  };
}
