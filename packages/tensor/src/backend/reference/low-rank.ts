import type { FusedKernels } from '../contract';
import { type KernelMemory, floatOutput, floatsOf } from './memory';

/** Σ_i p(i) q(i) of n terms, in float64. */
function dot(n: number, p: (i: number) => number, q: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += p(i) * q(i);
  return sum;
}

/** (rows, columns) of values. */
function filled(out: Float32Array, columns: number, value: (row: number, column: number) => number): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = value(Math.floor(i / columns), i % columns);
  return out;
}

/** Low-rank updates. */
export function lowRankKernels(memory: KernelMemory): Pick<FusedKernels, 'lowRank' | 'lowRankGrad'> {
  const reader = (values: Float32Array, width: number) => (row: number, column: number) =>
    values[row * width + column] as number;
  return {
    lowRank(y, x, { a, b, scale }) {
      const [k = 0, m = 0, r = 0] = [x.shape[1], y.shape[1], a.shape[0]];
      const [xs, as, bs] = [
        reader(floatsOf(memory, x), k),
        reader(floatsOf(memory, a), k),
        reader(floatsOf(memory, b), r),
      ];
      const ys = reader(floatsOf(memory, y), m);
      const h = floatOutput(memory, [x.shape[0] ?? 0, r], 'float32');
      const z = floatOutput(memory, y.shape, 'float32');
      filled(
        h.values,
        r,
        (n, q) =>
          scale *
          dot(
            k,
            (i) => xs(n, i),
            (i) => as(q, i),
          ),
      ); // (N, R)
      const hs = reader(h.values, r);
      filled(
        z.values,
        m,
        (n, j) =>
          ys(n, j) +
          dot(
            r,
            (q) => hs(n, q),
            (q) => bs(j, q),
          ),
      ); // (N, M)
      return { z: z.done(), h: h.done() };
    },
    lowRankGrad(x, { a, b, scale }, h, gz, wants) {
      const [n = 0, k = 0] = x.shape;
      const [m = 0, r = 0] = b.shape;
      const [xs, as, bs] = [
        reader(floatsOf(memory, x), k),
        reader(floatsOf(memory, a), k),
        reader(floatsOf(memory, b), r),
      ];
      const [hs, gs] = [reader(floatsOf(memory, h), r), reader(floatsOf(memory, gz), m)];
      const gh = filled(
        new Float32Array(n * r),
        r,
        (row, q) =>
          scale *
          dot(
            m,
            (j) => gs(row, j),
            (j) => bs(j, q),
          ),
      );
      const ghs = reader(gh, r);
      const made = (
        wanted: boolean,
        shape: readonly [number, number],
        value: (row: number, column: number) => number,
      ) => {
        if (!wanted) return null;
        const out = floatOutput(memory, shape, 'float32');
        filled(out.values, shape[1], value);
        return out.done();
      };
      return {
        gx: made(wants.x, [n, k], (row, i) =>
          dot(
            r,
            (q) => ghs(row, q),
            (q) => as(q, i),
          ),
        ),
        ga: made(wants.a, [r, k], (q, i) =>
          dot(
            n,
            (row) => ghs(row, q),
            (row) => xs(row, i),
          ),
        ),
        gb: made(wants.b, [m, r], (j, q) =>
          dot(
            n,
            (row) => gs(row, j),
            (row) => hs(row, q),
          ),
        ),
      };
    },
  };
}
