import type { FusedKernels, NDArray } from '../contract';
import { type KernelMemory, floatOutput, floatsOf } from './memory';

type Family = Pick<FusedKernels, 'layerNorm' | 'layerNormGrad' | 'rmsNorm' | 'rmsNormGrad'>;

/**
 * Normalisations of rows (N, C); sums in float64 in the order of the row, weight gradients in the order of the rows.
 */
export function normKernels(memory: KernelMemory): Family {
  const optional = (x: NDArray | null): Float32Array | null => (x === null ? null : floatsOf(memory, x));
  const column = (values: Float64Array, width: number): NDArray => {
    const out = floatOutput(memory, [width], 'float32');
    out.values.set(values);
    return out.done();
  };
  return {
    layerNorm(x, weight, bias, eps) {
      const [rows, width] = x.shape as [number, number];
      const [v, w, b] = [floatsOf(memory, x), optional(weight), optional(bias)];
      const y = floatOutput(memory, x.shape, x.dtype);
      const mean = floatOutput(memory, [rows], 'float32');
      const rstd = floatOutput(memory, [rows], 'float32');
      for (let r = 0, at = 0; r < rows; r++, at += width) {
        let sum = 0;
        for (let i = 0; i < width; i++) sum += v[at + i] as number;
        const centre = sum / width;
        let squares = 0;
        for (let i = 0; i < width; i++) squares += ((v[at + i] as number) - centre) ** 2;
        const scale = 1 / Math.sqrt(squares / width + eps);
        for (let i = 0; i < width; i++) {
          y.values[at + i] = ((v[at + i] as number) - centre) * scale * (w?.[i] ?? 1) + (b?.[i] ?? 0);
        }
        mean.values[r] = centre;
        rstd.values[r] = scale;
      }
      return { y: y.done(), mean: mean.done(), rstd: rstd.done() };
    },
    layerNormGrad(x, weight, mean, rstd, gy, wants) {
      const [rows, width] = x.shape as [number, number];
      const [v, w, g] = [floatsOf(memory, x), optional(weight), floatsOf(memory, gy)];
      const [means, scales] = [floatsOf(memory, mean), floatsOf(memory, rstd)];
      const gx = floatOutput(memory, x.shape, x.dtype);
      const gw = new Float64Array(width);
      const gb = new Float64Array(width);
      for (let r = 0, at = 0; r < rows; r++, at += width) {
        const [centre, scale] = [means[r] as number, scales[r] as number];
        let sum = 0;
        let dot = 0;
        for (let i = 0; i < width; i++) {
          const unit = ((v[at + i] as number) - centre) * scale;
          const gi = g[at + i] as number;
          const weighted = gi * (w?.[i] ?? 1);
          sum += weighted;
          dot += weighted * unit;
          gw[i] = (gw[i] as number) + gi * unit;
          gb[i] = (gb[i] as number) + gi;
        }
        for (let i = 0; i < width; i++) {
          const unit = ((v[at + i] as number) - centre) * scale;
          gx.values[at + i] = scale * ((g[at + i] as number) * (w?.[i] ?? 1) - (sum + unit * dot) / width);
        }
      }
      return {
        gx: gx.done(),
        gweight: wants.weight ? column(gw, width) : null,
        gbias: wants.bias ? column(gb, width) : null,
      };
    },
    rmsNorm(x, weight, eps, offset) {
      const [rows, width] = x.shape as [number, number];
      const [v, w] = [floatsOf(memory, x), optional(weight)];
      const y = floatOutput(memory, x.shape, x.dtype);
      const rstd = floatOutput(memory, [rows], 'float32');
      for (let r = 0, at = 0; r < rows; r++, at += width) {
        let squares = 0;
        for (let i = 0; i < width; i++) squares += (v[at + i] as number) ** 2;
        const scale = 1 / Math.sqrt(squares / width + eps);
        for (let i = 0; i < width; i++)
          y.values[at + i] = (v[at + i] as number) * scale * (w ? offset + (w[i] as number) : 1);
        rstd.values[r] = scale;
      }
      return { y: y.done(), rstd: rstd.done() };
    },
    rmsNormGrad(x, weight, rstd, gy, offset, wantsWeight) {
      const [rows, width] = x.shape as [number, number];
      const [v, w, g, scales] = [floatsOf(memory, x), optional(weight), floatsOf(memory, gy), floatsOf(memory, rstd)];
      const gx = floatOutput(memory, x.shape, x.dtype);
      const gw = new Float64Array(width);
      for (let r = 0, at = 0; r < rows; r++, at += width) {
        const scale = scales[r] as number;
        let dot = 0;
        for (let i = 0; i < width; i++) {
          const unit = (v[at + i] as number) * scale;
          const gi = g[at + i] as number;
          dot += gi * (w ? offset + (w[i] as number) : 1) * unit;
          gw[i] = (gw[i] as number) + gi * unit;
        }
        for (let i = 0; i < width; i++) {
          const unit = (v[at + i] as number) * scale;
          gx.values[at + i] =
            scale * ((g[at + i] as number) * (w ? offset + (w[i] as number) : 1) - (unit * dot) / width);
        }
      }
      return { gx: gx.done(), gweight: wantsWeight ? column(gw, width) : null };
    },
  };
}
