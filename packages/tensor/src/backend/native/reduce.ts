import { sizeOf } from '../../shape';
import type { Kernels, NDArray, PrimitiveKernels, ReduceFn } from '../contract';
import { allFloat32, type NativeCalls } from './calls';

type Family = Pick<PrimitiveKernels, 'argReduce' | 'cumsum' | 'reduce'>;

/** The addon's codes of reductions; see reduce.cc. */
const reduceCodes: Readonly<Partial<Record<ReduceFn, number>>> = { sum: 0, max: 1, min: 2 };

/** Reductions of float32 by the addon; `permute` brings axes together that lie apart. */
export function reduceKernels(calls: NativeCalls, host: Kernels, permute: Kernels['permute']): Family {
  const { memory } = calls;
  const id = {
    argReduce: calls.kernel('arg_reduce'),
    columns: calls.kernel('reduce_columns'),
    cumsum: calls.kernel('cumsum'),
    rows: calls.kernel('reduce_rows'),
    sumRows: calls.kernel('sum_rows'),
  };
  const at = (x: NDArray): number => calls.address(x);
  /** Sizes before, along and after axes first … last. */
  const around = (shape: readonly number[], first: number, last = first): [number, number, number] => [
    sizeOf(shape.slice(0, first)),
    sizeOf(shape.slice(first, last + 1)),
    sizeOf(shape.slice(last + 1)),
  ];

  return {
    reduce(fn, x, axes) {
      const code = reduceCodes[fn];
      const rank = x.shape.length;
      if (code === undefined || !allFloat32(x)) return host.reduce(fn, x, axes);
      const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
      const shape = kept.map((i) => x.shape[i] as number);
      const y = memory.allocate(shape, 'float32');
      // The choice depends on the axes alone, never on their extents: sums of one length have one order.
      const [first, last] = [axes[0] ?? rank, axes[axes.length - 1] ?? rank - 1];
      const together = last - first + 1 === axes.length;
      if (together && last < rank - 1) {
        const [outer, n, inner] = around(x.shape, first, last);
        if (fn === 'sum' && first === 0) calls.call(id.sumRows, [at(x), at(y), n, inner]);
        else calls.call(id.columns, [at(x), at(y), outer, n, inner, code]);
        return y;
      }
      const rows = together ? x : permute(x, [...kept, ...axes]);
      calls.call(id.rows, [at(rows), at(y), sizeOf(shape), sizeOf(axes.map((a) => x.shape[a] as number)), code]);
      if (rows !== x) memory.free(rows.block);
      return y;
    },
    argReduce(fn, x, axis) {
      if (!allFloat32(x)) return host.argReduce(fn, x, axis);
      const y = memory.allocate(
        x.shape.filter((_, i) => i !== axis),
        'int32',
      );
      calls.call(id.argReduce, [at(x), at(y), ...around(x.shape, axis), fn === 'max' ? 1 : 2]);
      return y;
    },
    cumsum(x, axis, reverse) {
      if (!allFloat32(x)) return host.cumsum(x, axis, reverse);
      const y = memory.allocate(x.shape, 'float32');
      calls.call(id.cumsum, [at(x), at(y), ...around(x.shape, axis), reverse ? 1 : 0]);
      return y;
    },
  };
}
