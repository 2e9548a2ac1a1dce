import { matmul, normal, tensor } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { newtonSchulz } from './muon.js';

describe('newtonSchulz', () => {
  // Coefficients of the classical cubic iteration converge to the orthogonal factor itself.
  const exact = { coefficients: [1.5, -0.5, 0] as const, steps: 40 };

  it.each([
    [5, 3],
    [3, 5],
    [4, 4],
    [1, 6],
    [6, 1],
  ])('gives orthonormal rows or columns of a (%i, %i) matrix', (rows, columns) => {
    const o = newtonSchulz(normal([rows, columns], { seed: 3 }), exact);
    expect(o.shape).toEqual([rows, columns]);
    const gram = rows <= columns ? matmul(o, o, { transposeB: true }) : matmul(o, o, { transposeA: true });
    const size = Math.min(rows, columns);
    for (const [i, x] of gram.dataSync().entries()) expect(x).toBeCloseTo(i % (size + 1) === 0 ? 1 : 0, 3);
  });

  it('keeps signs, and zero as zero', () => {
    const o = newtonSchulz(
      tensor([
        [-7, 0],
        [0, 2],
      ]),
      exact,
    ).dataSync();
    for (const [i, x] of [-1, 0, 0, 1].entries()) expect(o[i]).toBeCloseTo(x, 4);
    expect([...newtonSchulz(tensor([[0, 0]])).dataSync()]).toEqual([0, 0]);
  });

  it('refuses what is no matrix', () => {
    expect(() => newtonSchulz(tensor([1, 2]))).toThrow(/expected a matrix, got \(2\)/);
  });
});
