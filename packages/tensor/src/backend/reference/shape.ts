import type { NDArray } from '../contract';
import { type Lattice, latticeKernels } from './lattice';
import { type KernelMemory, store } from './memory';
import { loopNest } from './strides';

/** Kernels that only move elements: bits pass through unchanged. */
export function shapeKernels(memory: KernelMemory): ReturnType<typeof latticeKernels> {
  function copy(x: NDArray, from: Lattice, y: NDArray, to: Lattice, shape: readonly number[]): void {
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

  /** One element through `store`, so that the value takes y's dtype. */
  function fill(y: NDArray, value: number): void {
    const one = { ...memory.allocate([1], y.dtype) };
    store(memory, one, Float32Array.of(value));
    memory.raw(y).fill(memory.raw(one)[0] as number);
  }

  return latticeKernels({ allocate: (shape, dtype) => memory.allocate(shape, dtype), copy, fill });
}
