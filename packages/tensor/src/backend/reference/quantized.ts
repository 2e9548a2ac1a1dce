import { dequantizeRow } from '../../quantized/dequantize';
import { rowBytes } from '../../quantized/format';
import type { Activations, NDArray, QuantizedArray, QuantizedKernels } from '../contract';
import { gemm } from './gemm';
import { addRow, roundedToBfloat16 } from './matmul';
import { type KernelMemory, floatOutput, floatsOf } from './memory';

/** Rows of the weight that are dequantised at a time. */
const tileRows = 256;

const { fround } = Math;

/** Half to even. */
function roundEven(x: number): number {
  const low = Math.floor(x);
  const part = x - low;
  if (part !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/**
 * Rows (…, K) as int8 activations stand for them: each group of 32 values of a row becomes s · round(x / s). A group
 * whose scale is below float32's normal range is zero; one that holds a value that is not finite is NaN throughout.
 */
export function roundedToInt8(values: Float32Array, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < values.length; row += columns) {
    for (let from = row; from < row + columns; from += 32) {
      const to = Math.min(from + 32, row + columns);
      let most = 0;
      for (let i = from; i < to; i++) most = Math.max(most, Math.abs(values[i] as number));
      const scale = Number.isFinite(most) ? fround(most / 127) : Number.NaN;
      if (scale < 1.1754943508222875e-38) continue;
      const inverse = fround(1 / scale);
      for (let i = from; i < to; i++) out[i] = scale * roundEven(fround((values[i] as number) * inverse));
    }
  }
  return out;
}

function operand(memory: KernelMemory, x: NDArray, activations: Activations, columns: number): Float32Array {
  const values = floatsOf(memory, x);
  if (activations === 'float32') return values;
  return activations === 'bfloat16' ? roundedToBfloat16(values) : roundedToInt8(values, columns);
}

/** Quantised weights, kept in the file layout; products dequantise a tile of rows at a time. */
export function quantizedKernels(memory: KernelMemory): Omit<QuantizedKernels, 'quantizedLinearThen'> {
  const bytesOf = (weight: QuantizedArray): Uint8Array => {
    const size = weight.shape[0] * rowBytes(weight);
    const raw = memory.raw({ block: weight.block, offset: 0, shape: [size], dtype: 'uint8' });
    return raw;
  };
  const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const copy = (bytes: ArrayLike<number>, shape: readonly number[]): NDArray => {
    const out = memory.allocate(shape, 'uint8');
    memory.raw(out).set(bytes);
    return out;
  };
  return {
    quantizedPack: (bytes, spec) => copy(memory.raw(bytes), [spec.shape[0] * rowBytes(spec)]),
    quantizedUnpack: (weight) => copy(bytesOf(weight), [weight.shape[0], rowBytes(weight)]),
    quantizedRows(weight, rows) {
      const columns = weight.shape[1];
      const out = floatOutput(memory, [rows.length, columns], 'float32');
      const view = viewOf(bytesOf(weight));
      const step = rowBytes(weight);
      rows.forEach((row, i) => dequantizeRow(weight, view, row * step, out.values, i * columns));
      return out.done();
    },
    quantizedLinear(x, weight, bias, activations) {
      const [n, k] = x.shape as [number, number];
      const m = weight.shape[0];
      const out = floatOutput(memory, [n, m], 'float32');
      const values = operand(memory, x, activations, k);
      const view = viewOf(bytesOf(weight));
      const step = rowBytes(weight);
      const tile = new Float32Array(Math.min(tileRows, m) * k);
      const sums = new Float32Array(n * Math.min(tileRows, m));
      for (let from = 0; from < m; from += tileRows) {
        const count = Math.min(tileRows, m - from);
        for (let r = 0; r < count; r++) dequantizeRow(weight, view, (from + r) * step, tile, r * k);
        const w = activations === 'bfloat16' ? roundedToBfloat16(tile) : tile;
        gemm(
          { m: n, n: count, k },
          { values, start: 0, rowStep: k, columnStep: 1 },
          { values: w, start: 0, rowStep: 1, columnStep: k },
          sums,
          0,
        );
        for (let i = 0; i < n; i++) out.values.set(sums.subarray(i * count, (i + 1) * count), i * m + from);
      }
      if (bias !== null) addRow(out.values, floatsOf(memory, bias), n);
      return out.done();
    },
  };
}
