import type { DType } from '../../dtype';
import { broadcastShapes, sameShape, sizeOf } from '../../shape';
import type { NDArray, PrimitiveKernels } from '../contract';
import { type Span, binaryLoops, compareLoops } from './binary';
import { checkIndices } from './indices';
import { type KernelMemory, type Values, commit, convert, outputOf, store, valuesOf } from './memory';
import { broadcastStrides, loopNest, stridesOf } from './strides';
import { unaryGradLoops, unaryLoops } from './unary';

type Family = Pick<
  PrimitiveKernels,
  'binary' | 'cast' | 'clamp' | 'compare' | 'copy' | 'fill' | 'isFinite' | 'isNan' | 'unary' | 'unaryGrad' | 'where'
>;

function normalizeBool(values: Values, dtype: DType): void {
  if (dtype !== 'bool') return;
  for (let i = 0; i < values.length; i++) values[i] = values[i] === 0 ? 0 : 1;
}

/** Elementwise kernels: y[i] depends on the operands' elements at i alone. */
export function elementwiseKernels(memory: KernelMemory): Family {
  function paired(
    loop: (a: Values, b: Values, y: Values, s: Span) => void,
    a: NDArray,
    b: NDArray,
    dtype: DType,
  ): NDArray {
    const shape = sameShape(a.shape, b.shape) ? a.shape : broadcastShapes('binary', a.shape, b.shape);
    const out = outputOf(memory, shape, dtype);
    const [x, z] = [valuesOf(memory, a), valuesOf(memory, b)];
    const nest = loopNest(shape, [
      broadcastStrides(a.shape, shape),
      broadcastStrides(b.shape, shape),
      stridesOf(shape),
    ]);
    const [stepA, stepB] = nest.steps as [number, number, number];
    const span = { a: 0, b: 0, y: 0, n: nest.length, stepA, stepB };
    nest.each((at) => {
      span.a = at[0] as number;
      span.b = at[1] as number;
      span.y = at[2] as number;
      loop(x, z, out.values, span);
    });
    normalizeBool(out.values, dtype);
    return out.done();
  }

  return {
    fill(shape, dtype, value) {
      const out = outputOf(memory, shape, dtype);
      // Before it is stored: 256 and 0.5 are true, and no byte.
      out.values.fill(dtype === 'bool' ? Number(value !== 0) : value);
      return out.done();
    },
    copy(x) {
      const y = memory.allocate(x.shape, x.dtype);
      memory.raw(y).set(memory.raw(x));
      return y;
    },
    cast(x, dtype) {
      const out = outputOf(memory, x.shape, dtype);
      convert(valuesOf(memory, x), out.values, dtype);
      return out.done();
    },
    unary(fn, x) {
      const out = outputOf(memory, x.shape, x.dtype);
      unaryLoops[fn](valuesOf(memory, x), out.values, sizeOf(x.shape));
      normalizeBool(out.values, x.dtype);
      return out.done();
    },
    unaryGrad(fn, x, y, gy) {
      const out = outputOf(memory, x.shape, gy.dtype);
      const [vx, vy, vg] = [valuesOf(memory, x), valuesOf(memory, y), valuesOf(memory, gy)];
      unaryGradLoops[fn](vx, vy, vg, out.values, sizeOf(x.shape));
      return out.done();
    },
    clamp(x, min, max) {
      const out = outputOf(memory, x.shape, x.dtype);
      const [from, to] = [valuesOf(memory, x), out.values];
      for (let i = 0; i < to.length; i++) {
        const v = from[i] as number;
        to[i] = v < min ? min : v > max ? max : v; // NaN stays
      }
      return out.done();
    },
    isNan(x) {
      const out = outputOf(memory, x.shape, 'bool');
      const from = valuesOf(memory, x);
      for (let i = 0; i < from.length; i++) out.values[i] = Number.isNaN(from[i]) ? 1 : 0;
      return out.done();
    },
    isFinite(x) {
      const out = outputOf(memory, x.shape, 'bool');
      const from = valuesOf(memory, x);
      for (let i = 0; i < from.length; i++) out.values[i] = Number.isFinite(from[i]) ? 1 : 0;
      return out.done();
    },
    binary(fn, a, b) {
      const loop = binaryLoops[fn === 'mul' && a.dtype === 'int32' ? 'intMul' : fn];
      return paired(loop, a, b, a.dtype);
    },
    compare(fn, a, b) {
      return paired(compareLoops[fn], a, b, 'bool');
    },
    where(condition, a, b) {
      const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', a.shape, b.shape));
      const out = outputOf(memory, shape, a.dtype);
      const [c, x, z] = [valuesOf(memory, condition), valuesOf(memory, a), valuesOf(memory, b)];
      const operands = [condition, a, b].map((o) => broadcastStrides(o.shape, shape));
      const nest = loopNest(shape, [...operands, stridesOf(shape)]);
      const [sc, sx, sz] = nest.steps as [number, number, number, number];
      nest.each((at) => {
        const [pc, px, pz, y] = at as unknown as [number, number, number, number];
        for (let i = 0; i < nest.length; i++) {
          out.values[y + i] = c[pc + i * sc] === 0 ? (z[pz + i * sz] as number) : (x[px + i * sx] as number);
        }
      });
      return out.done();
    },
  };
}

type InPlace = Pick<PrimitiveKernels, 'addInPlace' | 'copyInPlace' | 'scaleInPlace' | 'writeRowsInPlace'>;

/** The kernels that write into an operand. */
export function inPlaceKernels(memory: KernelMemory): InPlace {
  return {
    addInPlace(target, source) {
      const [t, s] = [valuesOf(memory, target), valuesOf(memory, source)];
      for (let i = 0; i < t.length; i++) t[i] = (t[i] as number) + (s[i] as number);
      normalizeBool(t, target.dtype);
      commit(memory, target, t);
    },
    scaleInPlace(target, factor) {
      const t = valuesOf(memory, target);
      const f = valuesOf(memory, factor)[0] as number;
      for (let i = 0; i < t.length; i++) t[i] = (t[i] as number) * f;
      normalizeBool(t, target.dtype);
      commit(memory, target, t);
    },
    copyInPlace(target, source) {
      store(memory, target, valuesOf(memory, source));
    },
    writeRowsInPlace(target, rows, source) {
      checkIndices('writeRowsInPlace', rows, target.shape[0] as number);
      const width = sizeOf(target.shape.slice(1));
      const values = valuesOf(memory, source);
      rows.forEach((row, i) => {
        const { block, dtype } = target;
        const place = { block, dtype, offset: target.offset + row * width, shape: [width] };
        store(memory, place, values.subarray(i * width, (i + 1) * width));
      });
    },
  };
}
