import type { FusedKernels } from '../contract';
import { type KernelMemory, floatOutput, floatsOf } from './memory';

type Family = Pick<FusedKernels, 'adamwInPlace' | 'sumSquares'>;

/** One-pass optimizer steps. */
export function optimizeKernels(memory: KernelMemory): Family {
  return {
    adamwInPlace(param, grad, m, v, maxV, factor, attrs) {
      const { lr, beta1, beta2, eps, weightDecay, decoupled, step } = attrs;
      const [p, g, first, second] = [
        floatsOf(memory, param),
        floatsOf(memory, grad),
        floatsOf(memory, m),
        floatsOf(memory, v),
      ];
      const most = maxV === null ? null : floatsOf(memory, maxV);
      const scale = factor === null ? 1 : (floatsOf(memory, factor)[0] as number);
      const stepSize = lr / (1 - beta1 ** step);
      const root = Math.sqrt(1 - beta2 ** step);
      for (let i = 0; i < p.length; i++) {
        let x = p[i] as number;
        let gi = (g[i] as number) * scale;
        if (decoupled) x *= 1 - lr * weightDecay;
        else gi += weightDecay * x;
        const mi = beta1 * (first[i] as number) + (1 - beta1) * gi;
        const vi = beta2 * (second[i] as number) + (1 - beta2) * gi * gi;
        first[i] = mi;
        second[i] = vi;
        let spread = vi;
        if (most !== null) {
          spread = Math.max(most[i] as number, vi);
          most[i] = spread;
        }
        p[i] = x - (stepSize * mi) / (Math.sqrt(spread) / root + eps);
      }
    },
    sumSquares(xs) {
      const out = floatOutput(memory, [], 'float32');
      let total = 0;
      for (const x of xs) {
        let sum = 0;
        for (const value of floatsOf(memory, x)) sum += value * value;
        total += sum;
      }
      out.values[0] = total;
      return out.done();
    },
  };
}
