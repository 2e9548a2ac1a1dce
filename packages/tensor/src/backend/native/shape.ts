import { byteSize } from '../../dtype';
import { encodeRaw } from '../../raw';
import { sizeOf } from '../../shape';
import type { NDArray, PrimitiveKernels } from '../contract';
import { type Lattice, type LatticeMemory, latticeKernels, whole } from '../reference/lattice';
import type { NativeCalls } from './calls';

type Family = Pick<
  PrimitiveKernels,
  'broadcastTo' | 'concat' | 'copy' | 'fill' | 'pad' | 'permute' | 'slice' | 'sliceScatter'
>;

/** Kernels that only move elements, by one strided copy of the addon. */
export function shapeKernels(calls: NativeCalls): Family {
  const { args, memory } = calls;
  const copyId = calls.kernel('strided_copy');
  const fillId = calls.kernel('fill');

  function copyLattice(x: NDArray, from: Lattice, y: NDArray, to: Lattice, shape: readonly number[]): void {
    const width = byteSize[x.dtype];
    args[0] = memory.address(x) + from.start * width;
    args[1] = memory.address(y) + to.start * width;
    args[2] = width;
    // Axes of one entry go; an axis joins the one before it where both operands run on from that into it.
    let count = 0;
    for (let i = 0; i < shape.length; i++) {
      const extent = shape[i] as number;
      if (extent === 1) continue;
      const [sx, sy] = [from.strides[i] as number, to.strides[i] as number];
      const at = 1 + 3 * count;
      const joins = count > 0 && args[at + 1] === sx * extent && args[at + 2] === sy * extent;
      if (!joins) count++;
      const place = 1 + 3 * count;
      args[place] = joins ? (args[place] as number) * extent : extent;
      args[place + 1] = sx;
      args[place + 2] = sy;
    }
    args[3] = count;
    calls.run(copyId, 4 + 3 * count);
  }

  function fillWith(y: NDArray, value: number): void {
    const bytes = encodeRaw([value], y.dtype);
    let word = 0;
    for (let i = bytes.length - 1; i >= 0; i--) word = word * 256 + (bytes[i] as number);
    calls.call(fillId, [memory.address(y), byteSize[y.dtype], sizeOf(y.shape), word]);
  }

  const allocate: LatticeMemory['allocate'] = (shape, dtype) => memory.allocate(shape, dtype);

  return {
    fill(shape, dtype, value) {
      const y = allocate(shape, dtype);
      fillWith(y, value);
      return y;
    },
    copy(x) {
      const y = allocate(x.shape, x.dtype);
      copyLattice(x, whole(x.shape), y, whole(x.shape), x.shape);
      return y;
    },
    ...latticeKernels({ allocate, copy: copyLattice, fill: fillWith }),
  };
}
