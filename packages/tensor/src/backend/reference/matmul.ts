import { toBfloat16, fromBfloat16 } from '../../raw';
import { broadcastShapes } from '../../shape';
import type { Compute, FusedKernels, NDArray, PrimitiveKernels } from '../contract';
import { gemm } from './gemm';
import { type KernelMemory, floatOutput, floatsOf } from './memory';
import { broadcastStrides, loopNest } from './strides';

/** Values rounded to bfloat16, in a copy. */
export function roundedToBfloat16(values: Float32Array): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = fromBfloat16(toBfloat16(values[i] as number));
  return out;
}

/** The elements of an operand of a product, rounded if the product's inputs are bfloat16. */
export function operandOf(memory: KernelMemory, x: NDArray, compute: Compute): Float32Array {
  const values = floatsOf(memory, x);
  return compute === 'bfloat16' && x.dtype !== 'bfloat16' ? roundedToBfloat16(values) : values;
}

/** Matrix products: each element is one float64 sum in the order of the inner axis, rounded once. */
export function matmulKernels(memory: KernelMemory): Pick<PrimitiveKernels, 'matmul'> & Pick<FusedKernels, 'linear'> {
  return {
    matmul(a, b, { transposeA, transposeB, compute, out: dtype }) {
      const [ra, ca] = a.shape.slice(-2) as [number, number];
      const [rb, cb] = b.shape.slice(-2) as [number, number];
      const [m, k] = transposeA ? [ca, ra] : [ra, ca];
      const n = transposeB ? rb : cb;
      const leadA = a.shape.slice(0, -2);
      const leadB = b.shape.slice(0, -2);
      const lead = broadcastShapes('matmul', leadA, leadB);
      const out = floatOutput(memory, [...lead, m, n], dtype);
      const [x, y] = [operandOf(memory, a, compute), operandOf(memory, b, compute)];
      const scaled = (shape: readonly number[], size: number) => broadcastStrides(shape, lead).map((s) => s * size);
      const nest = loopNest(lead, [scaled(leadA, ra * ca), scaled(leadB, rb * cb)]);
      const [stepA, stepB] = nest.steps as [number, number];
      let to = 0;
      nest.each((at) => {
        for (let i = 0; i < nest.length; i++, to += m * n) {
          const startA = (at[0] as number) + i * stepA;
          const startB = (at[1] as number) + i * stepB;
          gemm(
            { m, n, k },
            { values: x, start: startA, rowStep: transposeA ? 1 : ca, columnStep: transposeA ? ca : 1 },
            { values: y, start: startB, rowStep: transposeB ? 1 : cb, columnStep: transposeB ? cb : 1 },
            out.values,
            to,
          );
        }
      });
      return out.done();
    },
    linear(x, weight, bias, compute, across = false) {
      const [m, k] = x.shape as [number, number];
      const n = weight.shape[across ? 1 : 0] as number;
      const out = floatOutput(memory, [m, n], 'float32');
      gemm(
        { m, n, k },
        { values: operandOf(memory, x, compute), start: 0, rowStep: k, columnStep: 1 },
        { values: operandOf(memory, weight, compute), start: 0, rowStep: across ? n : 1, columnStep: across ? 1 : k },
        out.values,
        0,
      );
      if (bias !== null) addRow(out.values, floatsOf(memory, bias), m);
      return out.done();
    },
  };
}

/** Adds a row to each of `rows` rows. */
export function addRow(values: Float32Array, row: Float32Array, rows: number): void {
  const n = row.length;
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < n; j++, at++) values[at] = (values[at] as number) + (row[j] as number);
  }
}
