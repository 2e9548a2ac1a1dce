import { dtypeCodes } from '@tessera-llm/native';
import { byteSize } from '../../dtype';
import { sizeOf } from '../../shape';
import type { NDArray, PrimitiveKernels } from '../contract';
import { type NativeCalls, allFloat32 } from './calls';

type Family = Pick<PrimitiveKernels, 'argReduce' | 'concat' | 'slice' | 'sliceScatter' | 'writeRowsInPlace'>;

/** A window of one axis: runs of `bytes`, one for every place of the axes before it. */
interface Window {
  readonly runs: number;
  readonly bytes: number;
  /** Bytes from one run to the next in the larger array, and of the first one's place there. */
  readonly stride: number;
  readonly start: number;
}

/** The window that starts and steps cut out of `shape`, if they narrow one axis at most; else null. */
function windowOf(
  whole: NDArray,
  starts: readonly number[],
  steps: readonly number[],
  shape: readonly number[],
): Window | null {
  const narrowed = shape.flatMap((n, i) => (n === whole.shape[i] && steps[i] === 1 ? [] : [i]));
  if (narrowed.length > 1 || steps.some((step) => step !== 1)) return null;
  const axis = narrowed[0] ?? 0;
  const inner = sizeOf(whole.shape.slice(axis + 1)) * byteSize[whole.dtype];
  return {
    runs: sizeOf(shape.slice(0, axis)),
    bytes: (shape[axis] ?? 1) * inner,
    stride: (whole.shape[axis] ?? 1) * inner,
    start: (starts[axis] ?? 0) * inner,
  };
}

/** Copies by the addon; what it has no kernel for goes to `host`, the reference kernels on the same memory. */
export function copyKernels(calls: NativeCalls, host: Family & Pick<PrimitiveKernels, 'fill'>): Family {
  const { memory } = calls;
  const id = {
    argMax: calls.kernel('arg_max'),
    copyRuns: calls.kernel('copy_runs'),
    writeRows: calls.kernel('write_rows'),
  };
  const at = (x: NDArray): number => memory.address(x);

  return {
    slice(x, starts, steps, shape) {
      const window = windowOf(x, starts, steps, shape);
      if (window === null) return host.slice(x, starts, steps, shape);
      const { runs, bytes, stride, start } = window;
      const y = memory.allocate(shape, x.dtype);
      calls.call(id.copyRuns, [at(x) + start, at(y), runs, bytes, stride, bytes]);
      return y;
    },
    sliceScatter(x, starts, steps, shape) {
      const window = windowOf({ ...x, shape }, starts, steps, x.shape);
      if (window === null) return host.sliceScatter(x, starts, steps, shape);
      const { runs, bytes, stride, start } = window;
      const y = host.fill(shape, x.dtype, 0);
      calls.call(id.copyRuns, [at(x), at(y) + start, runs, bytes, bytes, stride]);
      return y;
    },
    concat(xs, axis) {
      const first = xs[0] as NDArray;
      const shape = [...first.shape];
      shape[axis] = xs.reduce((sum, x) => sum + (x.shape[axis] as number), 0);
      const y = memory.allocate(shape, first.dtype);
      const runs = sizeOf(shape.slice(0, axis));
      const inner = sizeOf(shape.slice(axis + 1)) * byteSize[first.dtype];
      const stride = (shape[axis] as number) * inner;
      let start = 0;
      for (const x of xs) {
        const bytes = (x.shape[axis] as number) * inner;
        calls.call(id.copyRuns, [at(x), at(y) + start, runs, bytes, bytes, stride]);
        start += bytes;
      }
      return y;
    },
    argReduce(fn, x, axis) {
      if (axis !== x.shape.length - 1 || !allFloat32(x)) return host.argReduce(fn, x, axis);
      const shape = x.shape.slice(0, -1);
      const y = memory.allocate(shape, 'int32');
      calls.call(id.argMax, [at(x), at(y), sizeOf(shape), x.shape[axis] as number, fn === 'max' ? 0 : 1]);
      return y;
    },
    writeRowsInPlace(target, rows, source) {
      const { dtype: to } = target;
      const { dtype: from } = source;
      const equal = from === to && byteSize[to] > 1;
      if (!equal && !(from === 'float32' && to === 'bfloat16')) return host.writeRowsInPlace(target, rows, source);
      const width = sizeOf(source.shape.slice(1));
      const [places] = calls.hostInts(rows) as [number];
      calls.call(id.writeRows, [
        at(target),
        places,
        at(source),
        rows.length,
        width,
        dtypeCodes[from],
        dtypeCodes[to],
        target.shape[0] as number,
      ]);
    },
  };
}
