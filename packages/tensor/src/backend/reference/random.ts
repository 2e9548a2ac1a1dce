import { sizeOf } from '../../shape';
import { normalsInto } from '../../random/normal';
import { philoxInto, unitOf } from '../../random/philox';
import type { FusedKernels, PrimitiveKernels } from '../contract';
import { type KernelMemory, floatOutput, floatsOf } from './memory';

/**
 * Random numbers. `random`: elements 4b … 4b+3 come from Philox(key = seed; counter = b as 64 bits, stream); normals
 * are Box-Muller on words (0, 1) and (2, 3); see `normalsInto`. `dropout`: columns 4b … 4b+3 of a row come from
 * Philox(key = seed; counter = b, stream, and the row's two words); an element is dropped where its uniform number is
 * below p.
 */
export function randomKernels(memory: KernelMemory): Pick<PrimitiveKernels, 'random'> & Pick<FusedKernels, 'dropout'> {
  const words = new Uint32Array(4);
  return {
    random(kind, shape, { seed, stream }) {
      const out = floatOutput(memory, shape, 'float32');
      const y = out.values;
      const n = sizeOf(shape);
      const four = new Float64Array(4);
      for (let i = 0; i < n; i += 4) {
        const b = i / 4;
        philoxInto(words, 0, seed[0], seed[1], b >>> 0, Math.floor(b / 2 ** 32), stream[0], stream[1]);
        for (let j = 0; j < 4; j += 2) {
          if (kind === 'normal') normalsInto(four, j, words[j] as number, words[j + 1] as number);
          else for (const place of [j, j + 1]) four[place] = unitOf(words[place] as number);
        }
        for (let j = 0; j < Math.min(4, n - i); j++) y[i + j] = four[j] as number;
      }
      return out.done();
    },
    dropout(x, { p, seed, stream, rowKeys }) {
      const [rows, columns] = x.shape as [number, number];
      const out = floatOutput(memory, x.shape, x.dtype);
      const [from, to] = [floatsOf(memory, x), out.values];
      const factor = 1 / (1 - p);
      for (let r = 0; r < rows; r++) {
        const sample = rowKeys[2 * r] as number;
        const position = rowKeys[2 * r + 1] as number;
        for (let c = 0; c < columns; c++) {
          if (c % 4 === 0) philoxInto(words, 0, seed[0], seed[1], c / 4, stream, sample, position);
          const at = r * columns + c;
          to[at] = unitOf(words[c % 4] as number) < p ? 0 : (from[at] as number) * factor;
        }
      }
      return out.done();
    },
  };
}
