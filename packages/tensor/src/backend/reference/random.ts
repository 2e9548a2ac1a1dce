import { sizeOf } from '../../shape';
import { philoxInto, unitOf } from '../../random/philox';
import type { FusedKernels, PrimitiveKernels, RandomKey } from '../contract';
import { type KernelMemory, floatOutput, floatsOf } from './memory';

const philoxWords = new Uint32Array(4);

/** Elements 4b … 4b+3 before they are rounded to float32. */
function randomFour(kind: 'uniform' | 'normal', b: number, { seed, stream }: RandomKey, four: Float64Array): void {
  philoxInto(philoxWords, 0, seed[0], seed[1], b >>> 0, Math.floor(b / 2 ** 32), stream[0], stream[1]);
  for (let j = 0; j < 4; j += 2) {
    const u = unitOf(philoxWords[j] as number);
    const v = unitOf(philoxWords[j + 1] as number);
    if (kind === 'uniform') {
      four[j] = u;
      four[j + 1] = v;
    } else {
      const r = Math.sqrt(-2 * Math.log(u + 2 ** -24));
      four[j] = r * Math.cos(2 * Math.PI * v);
      four[j + 1] = r * Math.sin(2 * Math.PI * v);
    }
  }
}

/** One element of `random`. */
export function randomAt(kind: 'uniform' | 'normal', place: number, key: RandomKey): number {
  const four = new Float64Array(4);
  randomFour(kind, Math.floor(place / 4), key, four);
  return four[place % 4] as number;
}

/**
 * Random numbers. `random`: elements 4b … 4b+3 come from Philox(key = seed; counter = b as 64 bits, stream); normals are
 * Box-Muller on words (0, 1) and (2, 3): r = √(-2 ln u), u = ((w >>> 8) + 1) 2^-24 in (0, 1], angle 2π (w' >>> 8) 2^-24,
 * giving r cos and r sin. `dropout`: columns 4b … 4b+3 of a row come from Philox(key = seed; counter = b, stream, and the
 * row's two words); an element is dropped where its uniform number is below p.
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
        randomFour(kind, i / 4, { seed, stream }, four);
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
