import { sizeOf } from '../../shape';
import type { NDArray, PrimitiveKernels } from '../contract';
import { checkIndices } from './indices';
import { type KernelMemory, commit, intsOf, outputOf, valuesOf } from './memory';
import { loopNest, stridesOf } from './strides';

type Family = Pick<PrimitiveKernels, 'gather' | 'indexAddInPlace' | 'indexSelect' | 'scatterAdd'>;

/** Look-ups by int32 indices; every index is checked before anything is written. */
export function indexingKernels(memory: KernelMemory): Family {
  /** Calls visit(place in index and its companion, place in the other array) in index order. */
  function alongAxis(
    index: NDArray,
    shape: readonly number[],
    axis: number,
    visit: (small: number, large: number) => void,
  ): void {
    const places = intsOf(memory, index);
    const large = stridesOf(shape);
    const stride = large[axis] as number;
    const nest = loopNest(index.shape, [stridesOf(index.shape), large.map((s, i) => (i === axis ? 0 : s))]);
    const step = nest.steps[1] as number;
    nest.each((at) => {
      const p = at[0] as number;
      const q = at[1] as number;
      for (let i = 0; i < nest.length; i++) visit(p + i, q + i * step + (places[p + i] as number) * stride);
    });
  }

  /** Lengths of x before, along and after an axis. */
  const split = (shape: readonly number[], axis: number): [number, number, number] => [
    sizeOf(shape.slice(0, axis)),
    shape[axis] as number,
    sizeOf(shape.slice(axis + 1)),
  ];

  return {
    gather(x, index, axis) {
      checkIndices('gather', intsOf(memory, index), x.shape[axis] as number);
      const y = memory.allocate(index.shape, x.dtype);
      const [source, target] = [memory.raw(x), memory.raw(y)];
      alongAxis(index, x.shape, axis, (small, large) => {
        target[small] = source[large] as number;
      });
      return y;
    },
    scatterAdd(shape, index, src, axis) {
      checkIndices('scatterAdd', intsOf(memory, index), shape[axis] as number);
      const out = outputOf(memory, shape, src.dtype);
      const values = valuesOf(memory, src);
      out.values.fill(0);
      alongAxis(index, shape, axis, (small, large) => {
        out.values[large] = (out.values[large] as number) + (values[small] as number);
      });
      return out.done();
    },
    indexSelect(x, index, axis) {
      const places = intsOf(memory, index);
      const [outer, extent, inner] = split(x.shape, axis);
      checkIndices('indexSelect', places, extent);
      const y = memory.allocate(
        x.shape.map((n, i) => (i === axis ? places.length : n)),
        x.dtype,
      );
      const [source, target] = [memory.raw(x), memory.raw(y)];
      for (let o = 0, to = 0; o < outer; o++) {
        for (let i = 0; i < places.length; i++, to += inner) {
          const from = (o * extent + (places[i] as number)) * inner;
          target.set(source.subarray(from, from + inner), to);
        }
      }
      return y;
    },
    indexAddInPlace(array, index, src, axis) {
      const places = intsOf(memory, index);
      const [outer, extent, inner] = split(array.shape, axis);
      checkIndices('indexAdd', places, extent);
      const [source, target] = [valuesOf(memory, src), valuesOf(memory, array)];
      for (let o = 0, from = 0; o < outer; o++) {
        for (let i = 0; i < places.length; i++, from += inner) {
          const to = (o * extent + (places[i] as number)) * inner;
          for (let c = 0; c < inner; c++) target[to + c] = (target[to + c] as number) + (source[from + c] as number);
        }
      }
      commit(memory, array, target);
    },
  };
}
