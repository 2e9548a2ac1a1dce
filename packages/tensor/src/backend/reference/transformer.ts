import type { FusedKernels, GateFn, UnaryFn } from '../contract';
import { type KernelMemory, floatOutput, floatsOf } from './memory';
import { unaryGradLoops, unaryLoops } from './unary';

type Family = Pick<FusedKernels, 'rope' | 'gated' | 'gatedGrad'>;

/** The activation of each value. */
export function activate(fn: GateFn, x: Float32Array): Float32Array {
  if (fn === 'identity') return x;
  const y = new Float32Array(x.length);
  unaryLoops[fn satisfies UnaryFn](x, y, x.length);
  return y;
}

/** Rotary positions and gated feed-forwards. */
export function transformerKernels(memory: KernelMemory): Family {
  return {
    rope(x, cos, sin, interleaved, inverse) {
      const [rows, heads, width] = x.shape as [number, number, number];
      const half = cos.shape[1] as number;
      const [v, c, s] = [floatsOf(memory, x), floatsOf(memory, cos), floatsOf(memory, sin)];
      const out = floatOutput(memory, x.shape, x.dtype);
      out.values.set(v);
      const [first, second] = interleaved ? [2, 1] : [1, half];
      for (let r = 0; r < rows; r++) {
        for (let h = 0; h < heads; h++) {
          const base = (r * heads + h) * width;
          for (let i = 0; i < half; i++) {
            const p = base + i * first;
            const q = p + second;
            const cosine = c[r * half + i] as number;
            const sine = inverse ? -(s[r * half + i] as number) : (s[r * half + i] as number);
            out.values[p] = (v[p] as number) * cosine - (v[q] as number) * sine;
            out.values[q] = (v[q] as number) * cosine + (v[p] as number) * sine;
          }
        }
      }
      return out.done();
    },
    gated(fn, gate, up) {
      const [g, u] = [activate(fn, floatsOf(memory, gate)), floatsOf(memory, up)];
      const out = floatOutput(memory, gate.shape, gate.dtype);
      for (let i = 0; i < u.length; i++) out.values[i] = (g[i] as number) * (u[i] as number);
      return out.done();
    },
    gatedGrad(fn, gate, up, gy) {
      const [x, u, g] = [floatsOf(memory, gate), floatsOf(memory, up), floatsOf(memory, gy)];
      const y = activate(fn, x);
      const ggate = floatOutput(memory, gate.shape, gate.dtype);
      const gup = floatOutput(memory, up.shape, up.dtype);
      const inner = new Float32Array(x.length);
      for (let i = 0; i < x.length; i++) {
        inner[i] = (g[i] as number) * (u[i] as number);
        gup.values[i] = (g[i] as number) * (y[i] as number);
      }
      if (fn === 'identity') ggate.values.set(inner);
      else unaryGradLoops[fn satisfies UnaryFn](x, y, inner, ggate.values, x.length);
      return { ggate: ggate.done(), gup: gup.done() };
    },
  };
}
