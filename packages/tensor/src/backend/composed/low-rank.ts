import type { LowRankArrays, LowRankWants, NDArray } from '../contract';
import type { Steps } from './steps';

/** y + s (x aᵀ) bᵀ. */
export function lowRank(s: Steps, y: NDArray, x: NDArray, { a, b, scale }: LowRankArrays): { z: NDArray; h: NDArray } {
  const h = s.mul(s.matmul(x, a, 'b'), scale);
  return { z: s.add(y, s.matmul(h, b, 'b')), h };
}

export function lowRankGrad(
  s: Steps,
  ...args: readonly [x: NDArray, factors: LowRankArrays, h: NDArray, gz: NDArray, wants: LowRankWants]
): { gx: NDArray | null; ga: NDArray | null; gb: NDArray | null } {
  const [x, { a, b, scale }, h, gz, wants] = args;
  const gh = s.mul(s.matmul(gz, b), scale);
  return {
    gx: wants.x ? s.matmul(gh, a) : null,
    ga: wants.a ? s.matmul(gh, x, 'a') : null,
    gb: wants.b ? s.matmul(gz, h, 'a') : null,
  };
}
