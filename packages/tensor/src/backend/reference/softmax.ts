import type { FusedKernels, NDArray } from '../contract';
import { type KernelMemory, floatOutput, floatsOf } from './memory';

type Family = Pick<FusedKernels, 'softmax' | 'softmaxGrad' | 'logSoftmax' | 'logSoftmaxGrad' | 'logSumExp'>;

/**
 * Largest of a row's values and the sum of e^(value - largest), in order. A row of -Infinity gives sum 0, NaN gives
 * NaN.
 */
export function rowSum(x: Float32Array, start: number, width: number): { largest: number; sum: number } {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = start; i < start + width; i++) {
    const value = x[i] as number;
    if (value > largest) largest = value;
    else if (Number.isNaN(value)) return { largest: value, sum: value };
  }
  let sum = 0;
  if (largest === Number.NEGATIVE_INFINITY) return { largest, sum };
  for (let i = start; i < start + width; i++) sum += Math.exp((x[i] as number) - largest);
  return { largest, sum };
}

/** Softmax and its kin over the last axis; sums in float64 in the order of the row. */
export function softmaxKernels(memory: KernelMemory): Family {
  const eachRow = (x: NDArray, visit: (start: number, width: number, row: number) => void): void => {
    const width = x.shape[x.shape.length - 1] as number;
    const rows = x.shape.slice(0, -1).reduce((a, b) => a * b, 1);
    for (let r = 0; r < rows; r++) visit(r * width, width, r);
  };
  return {
    softmax(x) {
      const v = floatsOf(memory, x);
      const out = floatOutput(memory, x.shape, x.dtype);
      eachRow(x, (start, width) => {
        const { largest, sum } = rowSum(v, start, width);
        for (let i = start; i < start + width; i++) {
          out.values[i] = sum === 0 ? 0 : Math.exp((v[i] as number) - largest) / sum;
        }
      });
      return out.done();
    },
    softmaxGrad(y, gy) {
      const [v, g] = [floatsOf(memory, y), floatsOf(memory, gy)];
      const out = floatOutput(memory, y.shape, y.dtype);
      eachRow(y, (start, width) => {
        let dot = 0;
        for (let i = start; i < start + width; i++) dot += (v[i] as number) * (g[i] as number);
        for (let i = start; i < start + width; i++) out.values[i] = (v[i] as number) * ((g[i] as number) - dot);
      });
      return out.done();
    },
    logSoftmax(x) {
      const v = floatsOf(memory, x);
      const out = floatOutput(memory, x.shape, x.dtype);
      eachRow(x, (start, width) => {
        const { largest, sum } = rowSum(v, start, width);
        const shift = Math.log(sum);
        for (let i = start; i < start + width; i++) {
          out.values[i] = sum === 0 ? Number.NEGATIVE_INFINITY : (v[i] as number) - largest - shift;
        }
      });
      return out.done();
    },
    logSoftmaxGrad(y, gy) {
      const [v, g] = [floatsOf(memory, y), floatsOf(memory, gy)];
      const out = floatOutput(memory, y.shape, y.dtype);
      eachRow(y, (start, width) => {
        let sum = 0;
        for (let i = start; i < start + width; i++) sum += g[i] as number;
        for (let i = start; i < start + width; i++) {
          out.values[i] = (g[i] as number) - Math.exp(v[i] as number) * sum;
        }
      });
      return out.done();
    },
    logSumExp(x) {
      const v = floatsOf(memory, x);
      const out = floatOutput(memory, x.shape.slice(0, -1), x.dtype);
      eachRow(x, (start, width, row) => {
        const { largest, sum } = rowSum(v, start, width);
        // A row that reaches infinity sums to it, as in torch; softmax, log-softmax and losses of such a row are NaN.
        if (largest === Number.POSITIVE_INFINITY) out.values[row] = largest;
        else out.values[row] = sum === 0 ? Number.NEGATIVE_INFINITY : largest + Math.log(sum);
      });
      return out.done();
    },
  };
}
