import type { DType } from '../../dtype';
import type { NDArray, PrimitiveKernels } from '../contract';
import { broadcastStrides, stridesOf } from './strides';

/** Where one operand of a strided copy begins, and how far each axis of the loop moves in it; in elements. */
export interface Lattice {
  readonly start: number;
  readonly strides: readonly number[];
}

/** What a backend gives so that `latticeKernels` can move its elements. */
export interface LatticeMemory {
  allocate<D extends DType>(shape: readonly number[], dtype: D): NDArray<D>;
  /** The elements of x at `from` go to those of y at `to`, over a loop of `shape`. */
  copy(x: NDArray, from: Lattice, y: NDArray, to: Lattice, shape: readonly number[]): void;
  fill(y: NDArray, value: number): void;
}

/** All elements of an array of `shape`. */
export const whole = (shape: readonly number[]): Lattice => ({ start: 0, strides: stridesOf(shape) });

/** The elements starts + i * steps of an array of `shape`. */
function lattice(shape: readonly number[], starts: readonly number[], steps: readonly number[]): Lattice {
  const own = stridesOf(shape);
  return {
    start: own.reduce((sum, stride, i) => sum + stride * (starts[i] as number), 0),
    strides: own.map((stride, i) => stride * (steps[i] as number)),
  };
}

type Family = Pick<PrimitiveKernels, 'broadcastTo' | 'concat' | 'pad' | 'permute' | 'slice' | 'sliceScatter'>;

/** Kernels that only move elements, each one strided copy: bits pass through unchanged. */
export function latticeKernels({ allocate, copy, fill }: LatticeMemory): Family {
  return {
    broadcastTo(x, shape) {
      const y = allocate(shape, x.dtype);
      copy(x, { start: 0, strides: broadcastStrides(x.shape, shape) }, y, whole(shape), shape);
      return y;
    },
    permute(x, axes) {
      const own = stridesOf(x.shape);
      const shape = axes.map((a) => x.shape[a] as number);
      const y = allocate(shape, x.dtype);
      copy(x, { start: 0, strides: axes.map((a) => own[a] as number) }, y, whole(shape), shape);
      return y;
    },
    slice(x, starts, steps, shape) {
      const y = allocate(shape, x.dtype);
      copy(x, lattice(x.shape, starts, steps), y, whole(shape), shape);
      return y;
    },
    sliceScatter(x, starts, steps, shape) {
      const y = allocate(shape, x.dtype);
      fill(y, 0);
      copy(x, whole(x.shape), y, lattice(shape, starts, steps), x.shape);
      return y;
    },
    pad(x, before, after, value) {
      const shape = x.shape.map((n, i) => (before[i] as number) + n + (after[i] as number));
      const y = allocate(shape, x.dtype);
      fill(y, value);
      const ones = x.shape.map(() => 1);
      copy(x, whole(x.shape), y, lattice(shape, before, ones), x.shape);
      return y;
    },
    concat(xs, axis) {
      const first = xs[0] as NDArray;
      const total = xs.reduce((sum, x) => sum + (x.shape[axis] as number), 0);
      const shape = first.shape.map((n, i) => (i === axis ? total : n));
      const y = allocate(shape, first.dtype);
      const { strides } = whole(shape);
      let start = 0;
      for (const x of xs) {
        copy(x, whole(x.shape), y, { start, strides }, x.shape);
        start += (x.shape[axis] as number) * (strides[axis] as number);
      }
      return y;
    },
  };
}
