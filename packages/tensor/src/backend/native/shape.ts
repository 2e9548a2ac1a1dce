import { byteSize } from '../../dtype';
import { encodeRaw } from '../../raw';
import { sizeOf } from '../../shape';
import type { NDArray, PrimitiveKernels } from '../contract';
import { broadcastStrides, stridesOf } from '../reference/strides';
import type { NativeCalls } from './calls';

type Family = Pick<
  PrimitiveKernels,
  'broadcastTo' | 'concat' | 'copy' | 'fill' | 'pad' | 'permute' | 'slice' | 'sliceScatter'
>;

/** Where one operand of a strided copy begins, and how far each axis of the loop moves in it; in elements. */
interface Lattice {
  readonly start: number;
  readonly strides: readonly number[];
}

const whole = (shape: readonly number[]): Lattice => ({ start: 0, strides: stridesOf(shape) });

/** The elements starts + i * steps of an array of `shape`. */
function lattice(shape: readonly number[], starts: readonly number[], steps: readonly number[]): Lattice {
  const own = stridesOf(shape);
  return {
    start: own.reduce((sum, stride, i) => sum + stride * (starts[i] as number), 0),
    strides: own.map((stride, i) => stride * (steps[i] as number)),
  };
}

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
    calls.run(copyId);
  }

  function fillWith(y: NDArray, value: number): void {
    const bytes = encodeRaw([value], y.dtype);
    let word = 0;
    for (let i = bytes.length - 1; i >= 0; i--) word = word * 256 + (bytes[i] as number);
    calls.call(fillId, [memory.address(y), byteSize[y.dtype], sizeOf(y.shape), word]);
  }

  return {
    fill(shape, dtype, value) {
      const y = memory.allocate(shape, dtype);
      fillWith(y, value);
      return y;
    },
    copy(x) {
      const y = memory.allocate(x.shape, x.dtype);
      copyLattice(x, whole(x.shape), y, whole(x.shape), x.shape);
      return y;
    },
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
      fillWith(y, 0);
      copyLattice(x, whole(x.shape), y, lattice(shape, starts, steps), x.shape);
      return y;
    },
    pad(x, before, after, value) {
      const shape = x.shape.map((n, i) => (before[i] as number) + n + (after[i] as number));
      const y = memory.allocate(shape, x.dtype);
      fillWith(y, value);
      const ones = x.shape.map(() => 1);
      copyLattice(x, whole(x.shape), y, lattice(shape, before, ones), x.shape);
      return y;
    },
    concat(xs, axis) {
      const first = xs[0] as NDArray;
      const total = xs.reduce((sum, x) => sum + (x.shape[axis] as number), 0);
      const shape = first.shape.map((n, i) => (i === axis ? total : n));
      const y = memory.allocate(shape, first.dtype);
      const { strides } = whole(shape);
      let start = 0;
      for (const x of xs) {
        copyLattice(x, whole(x.shape), y, { start, strides }, x.shape);
        start += (x.shape[axis] as number) * (strides[axis] as number);
      }
      return y;
    },
  };
}
