import type { FusedKernels, NDArray } from '../contract';
import type { NativeCalls } from './calls';

/** Low-rank updates by the addon. The op has checked that all arrays are float32. */
export function lowRankKernels(calls: NativeCalls): Pick<FusedKernels, 'lowRank' | 'lowRankGrad'> {
  const forward = calls.kernel('low_rank');
  const backward = calls.kernel('low_rank_grad');
  const at = (x: NDArray | null): number => calls.address(x);
  const float = (shape: readonly number[]): NDArray => calls.memory.allocate(shape, 'float32');
  return {
    lowRank(y, x, { a, b, scale }) {
      const [rows, k] = x.shape as [number, number];
      const [m, r] = b.shape as [number, number];
      const [z, h] = [float([rows, m]), float([rows, r])];
      calls.call(forward, [at(y), at(x), at(a), at(b), at(z), at(h), rows, k, m, r, scale]);
      return { z, h };
    },
    lowRankGrad(x, { a, b, scale }, h, gz, wants) {
      const [rows, k] = x.shape as [number, number];
      const [m, r] = b.shape as [number, number];
      const gx = wants.x ? float([rows, k]) : null;
      const ga = wants.a ? float([r, k]) : null;
      const gb = wants.b ? float([m, r]) : null;
      const operands = [at(x), at(a), at(b), at(h), at(gz), at(gx), at(ga), at(gb)];
      calls.call(backward, [...operands, rows, k, m, r, scale]);
      return { gx, ga, gb };
    },
  };
}
