import { sizeOf } from '../../shape';
import type { NDArray, PrimitiveKernels } from '../contract';
import { type KernelMemory, store } from './memory';
import { broadcastStrides, loopNest, stridesOf } from './strides';

type Family = Pick<PrimitiveKernels, 'broadcastTo' | 'concat' | 'pad' | 'permute' | 'slice' | 'sliceScatter'>;

/** Where an operand of a strided copy starts, and how far each axis of the loop moves in it. */
interface Lattice {
  readonly start: number;
  readonly strides: readonly number[];
}

/** Kernels that only move elements: bits pass through unchanged. */
export function shapeKernels(memory: KernelMemory): Family {
  function copyLattice(x: NDArray, from: Lattice, y: NDArray, to: Lattice, shape: readonly number[]): void {
    const [source, target] = [memory.raw(x), memory.raw(y)];
    const nest = loopNest(shape, [from.strides, to.strides], [from.start, to.start]);
    const [stepX, stepY] = nest.steps as [number, number];
    const n = nest.length;
    nest.each((at) => {
      const p = at[0] as number;
      const q = at[1] as number;
      if (stepX === 1 && stepY === 1 && n >= 16) target.set(source.subarray(p, p + n), q);
      else for (let i = 0; i < n; i++) target[q + i * stepY] = source[p + i * stepX] as number;
    });
  }

  /** The elements starts + i * steps of an array of `shape`. */
  function lattice(shape: readonly number[], starts: readonly number[], steps: readonly number[]): Lattice {
    const own = stridesOf(shape);
    return {
      start: own.reduce((sum, stride, i) => sum + stride * (starts[i] as number), 0),
      strides: own.map((stride, i) => stride * (steps[i] as number)),
    };
  }

  const whole = (shape: readonly number[]): Lattice => ({ start: 0, strides: stridesOf(shape) });

  return {
    broadcastTo(x, shape) {
      const y = memory.allocate(shape, x.dtype);
      copyLattice(x, { start: 0, strides: broadcastStrides(x.shape, shape) }, y, whole(shape), shape);
      return y;
    },
    permute(x, axes) {
      const own = stridesOf(x.shape);
      const shape = axes.map((a) => x.shape[a] as number);
      const y = memory.allocate(shape, x.dtype);
      copyLattice(x, { start: 0, strides: axes.map((a) => own[a] as number) }, y, whole(shape), shape);
      return y;
    },
    slice(x, starts, steps, shape) {
      const y = memory.allocate(shape, x.dtype);
      copyLattice(x, lattice(x.shape, starts, steps), y, whole(shape), shape);
      return y;
    },
    sliceScatter(x, starts, steps, shape) {
      const y = memory.allocate(shape, x.dtype);
      memory.raw(y).fill(0);
      copyLattice(x, whole(x.shape), y, lattice(shape, starts, steps), x.shape);
      return y;
    },
    pad(x, before, after, value) {
      const shape = x.shape.map((n, i) => (before[i] as number) + n + (after[i] as number));
      const y = memory.allocate(shape, x.dtype);
      // One element through `store`, so that the value takes x's dtype.
      const one = { ...memory.allocate([1], x.dtype) };
      store(memory, one, Float32Array.of(value));
      memory.raw(y).fill(memory.raw(one)[0] as number);
      copyLattice(
        x,
        whole(x.shape),
        y,
        lattice(
          shape,
          before,
          x.shape.map(() => 1),
        ),
        x.shape,
      );
      return y;
    },
    concat(xs, axis) {
      const first = xs[0] as NDArray;
      const total = xs.reduce((sum, x) => sum + (x.shape[axis] as number), 0);
      const y = memory.allocate(
        first.shape.map((n, i) => (i === axis ? total : n)),
        first.dtype,
      );
      const target = memory.raw(y);
      const inner = sizeOf(first.shape.slice(axis + 1));
      const outer = sizeOf(first.shape.slice(0, axis));
      let at = 0;
      for (const x of xs) {
        const source = memory.raw(x);
        const run = (x.shape[axis] as number) * inner;
        for (let o = 0; o < outer; o++) target.set(source.subarray(o * run, (o + 1) * run), o * total * inner + at);
        at += run;
      }
      return y;
    },
  };
}
