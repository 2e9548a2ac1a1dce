import { dtypeCodes } from '@tessera-llm/native';
import { type DType, byteSize, isFloat } from '../../dtype';
import { sizeOf } from '../../shape';
import type { Kernels, NDArray, PrimitiveKernels } from '../contract';
import { stridesOf } from '../reference/strides';
import { allFloat32, type NativeCalls } from './calls';

type Family = Pick<
  PrimitiveKernels,
  'gather' | 'indexAddInPlace' | 'indexSelect' | 'scatterAdd' | 'sort' | 'topk' | 'writeRowsInPlace'
>;

/** Order statistics and look-ups by the addon. */
export function selectKernels(calls: NativeCalls, host: Kernels): Family {
  const { memory } = calls;
  const id = {
    addRows: calls.kernel('add_rows'),
    gather: calls.kernel('gather'),
    order: calls.kernel('order_rows'),
    scatterAdd: calls.kernel('scatter_add'),
    takeRows: calls.kernel('take_rows'),
    writeRows: calls.kernel('write_rows'),
  };
  const at = (x: NDArray): number => calls.address(x);

  function ordered(x: NDArray, k: number, descending: boolean): { values: NDArray; indices: NDArray } {
    const n = x.shape[x.shape.length - 1] as number;
    const shape = [...x.shape.slice(0, -1), k];
    const [values, indices] = [memory.allocate(shape, x.dtype), memory.allocate(shape, 'int32')];
    const rows = sizeOf(x.shape.slice(0, -1));
    calls.call(id.order, [at(x), at(values), at(indices), rows, n, k, descending ? 1 : 0, dtypeCodes[x.dtype]]);
    return { values, indices };
  }
  const sortable = (dtype: DType): boolean => dtype === 'float32' || dtype === 'int32';

  /** Places 4 on of the records of gather and scatter_add. */
  function lookUp(index: NDArray, large: readonly number[], axis: number): number[] {
    const steps = stridesOf(large);
    const axes = index.shape.flatMap((n, i) => [n, steps[i] as number]);
    return [index.shape.length, axis, large[axis] as number, ...axes];
  }

  /** Calls at least: one checks the indices also where there is nothing to move. */
  const once = 1;

  /** Sizes before and after an axis, and where part o of the array before it begins, in bytes. */
  const around = (shape: readonly number[], axis: number): [number, number] => [
    sizeOf(shape.slice(0, axis)),
    sizeOf(shape.slice(axis + 1)),
  ];

  return {
    sort: (x, descending) =>
      sortable(x.dtype) ? ordered(x, x.shape[x.shape.length - 1] as number, descending) : host.sort(x, descending),
    topk: (x, k) => (sortable(x.dtype) ? ordered(x, k, true) : host.topk(x, k)),
    gather(x, index, axis) {
      const y = memory.allocate(index.shape, x.dtype);
      calls.call(id.gather, [at(x), at(index), at(y), byteSize[x.dtype], ...lookUp(index, x.shape, axis)]);
      return y;
    },
    scatterAdd(shape, index, src, axis) {
      if (!allFloat32(src)) return host.scatterAdd(shape, index, src, axis);
      const y = memory.allocate(shape, 'float32');
      calls.call(id.scatterAdd, [at(src), at(index), at(y), sizeOf(shape), ...lookUp(index, shape, axis)]);
      return y;
    },
    indexSelect(x, index, axis) {
      const [outer, inner] = around(x.shape, axis);
      const [extent, count] = [x.shape[axis] as number, index.shape[0] as number];
      const y = memory.allocate(
        x.shape.map((n, i) => (i === axis ? count : n)),
        x.dtype,
      );
      const bytes = outer === 0 ? 0 : inner * byteSize[x.dtype];
      for (let o = 0; o < Math.max(outer, once); o++) {
        calls.call(id.takeRows, [
          at(x) + o * extent * bytes,
          at(index),
          at(y) + o * count * bytes,
          count,
          bytes,
          extent,
        ]);
      }
      return y;
    },
    indexAddInPlace(target, index, src, axis) {
      if (!allFloat32(target, src)) return host.indexAddInPlace(target, index, src, axis);
      const [outer, inner] = around(target.shape, axis);
      const [extent, count] = [target.shape[axis] as number, index.shape[0] as number];
      for (let o = 0; o < Math.max(outer, once); o++) {
        const places = [at(src) + o * count * inner * 4, at(index), at(target) + o * extent * inner * 4];
        calls.call(id.addRows, [...places, count, outer === 0 ? 0 : inner, extent]);
      }
    },
    writeRowsInPlace(target, rows, source) {
      if (!isFloat(target.dtype) || !isFloat(source.dtype)) return host.writeRowsInPlace(target, rows, source);
      const [places] = calls.hostInts(rows) as [number];
      const sizes = [rows.length, sizeOf(target.shape.slice(1)), target.shape[0] as number];
      calls.call(id.writeRows, [
        at(target),
        places,
        at(source),
        ...sizes,
        dtypeCodes[target.dtype],
        dtypeCodes[source.dtype],
      ]);
    },
  };
}
