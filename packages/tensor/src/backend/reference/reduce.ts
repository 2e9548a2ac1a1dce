import { sizeOf } from '../../shape';
import type { PrimitiveKernels, ReduceFn } from '../contract';
import { intsOf, type KernelMemory, type Values, outputOf, valuesOf } from './memory';
import { loopNest, stridesOf } from './strides';

type Family = Pick<PrimitiveKernels, 'argReduce' | 'cumsum' | 'reduce'>;

/** Takes x[p], x[p + 1], … into acc[q], acc[q + step], …; step 0 reduces the run into one place. */
type Fold = (x: Values, p: number, acc: Float64Array, q: number, step: number, n: number) => void;

const foldMax: Fold = (x, p, acc, q, step, n) => {
  for (let i = 0; i < n; i++) acc[q + i * step] = Math.max(acc[q + i * step] as number, x[p + i] as number);
};
const foldMin: Fold = (x, p, acc, q, step, n) => {
  for (let i = 0; i < n; i++) acc[q + i * step] = Math.min(acc[q + i * step] as number, x[p + i] as number);
};
const foldProd: Fold = (x, p, acc, q, step, n) => {
  for (let i = 0; i < n; i++) acc[q + i * step] = (acc[q + i * step] as number) * (x[p + i] as number);
};
const foldProdInt32: Fold = (x, p, acc, q, step, n) => {
  for (let i = 0; i < n; i++) acc[q + i * step] = Math.imul(acc[q + i * step] as number, x[p + i] as number);
};
const foldSum: Fold = (x, p, acc, q, step, n) => {
  if (step === 0) {
    let sum = acc[q] as number;
    for (let i = 0; i < n; i++) sum += x[p + i] as number;
    acc[q] = sum;
  } else {
    for (let i = 0; i < n; i++) acc[q + i * step] = (acc[q + i * step] as number) + (x[p + i] as number);
  }
};

const folds: { readonly [F in ReduceFn]: { readonly fold: Fold; readonly start: number } } = {
  all: { fold: foldMin, start: 1 },
  any: { fold: foldMax, start: 0 },
  max: { fold: foldMax, start: Number.NEGATIVE_INFINITY },
  min: { fold: foldMin, start: Number.POSITIVE_INFINITY },
  prod: { fold: foldProd, start: 1 },
  sum: { fold: foldSum, start: 0 },
};

/**
 * Reductions. Every result is accumulated in float64 in the order of the reduced elements, then rounded once; products of
 * int32 wrap at each step.
 */
export function reduceKernels(memory: KernelMemory): Family {
  return {
    reduce(fn, x, axes) {
      const shape = x.shape.filter((_, i) => !axes.includes(i));
      const out = outputOf(memory, shape, x.dtype);
      const { fold, start } = fn === 'prod' && x.dtype === 'int32' ? { fold: foldProdInt32, start: 1 } : folds[fn];
      const acc = new Float64Array(out.values.length).fill(start);
      const own = stridesOf(shape);
      let kept = 0;
      const to = x.shape.map((_, i) => (axes.includes(i) ? 0 : (own[kept++] as number)));
      const nest = loopNest(x.shape, [stridesOf(x.shape), to]);
      const values = valuesOf(memory, x);
      const step = nest.steps[1] as number;
      nest.each((at) => fold(values, at[0] as number, acc, at[1] as number, step, nest.length));
      if (x.dtype === 'int32') {
        // ±∞ of an empty maximum: the ends of the range; sums wrap as integers do.
        for (let i = 0; i < acc.length; i++) {
          const v = acc[i] as number;
          if (!Number.isFinite(v)) acc[i] = v < 0 ? -(2 ** 31) : 2 ** 31 - 1;
        }
      }
      out.values.set(acc);
      return out.done();
    },
    argReduce(fn, x, axis) {
      const shape = x.shape.filter((_, i) => i !== axis);
      const y = memory.allocate(shape, 'int32');
      const places = intsOf(memory, y);
      const values = valuesOf(memory, x);
      const n = x.shape[axis] as number;
      const inner = sizeOf(x.shape.slice(axis + 1));
      const sign = fn === 'max' ? 1 : -1;
      for (let r = 0; r < places.length; r++) {
        const start = Math.floor(r / inner) * n * inner + (r % inner);
        let best = Number.NEGATIVE_INFINITY;
        let place = 0;
        for (let i = 0; i < n; i++) {
          const v = sign * (values[start + i * inner] as number);
          if (Number.isNaN(v)) {
            place = i;
            break;
          }
          if (v > best) {
            best = v;
            place = i;
          }
        }
        places[r] = place;
      }
      return y;
    },
    cumsum(x, axis, reverse) {
      const out = outputOf(memory, x.shape, x.dtype);
      const values = valuesOf(memory, x);
      const n = x.shape[axis] as number;
      const inner = sizeOf(x.shape.slice(axis + 1));
      const rows = sizeOf(x.shape.slice(0, axis)) * inner;
      for (let r = 0; r < rows; r++) {
        const start = Math.floor(r / inner) * n * inner + (r % inner);
        let sum = 0;
        for (let i = 0; i < n; i++) {
          const at = start + (reverse ? n - 1 - i : i) * inner;
          sum += values[at] as number;
          out.values[at] = sum;
        }
      }
      return out.done();
    },
  };
}
