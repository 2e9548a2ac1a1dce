import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation } from './permutation.js';

const all = (seed: number, epoch: number, size: number) =>
  Array.from({ length: size }, (_, i) => i).map(permutation({ seed, epoch, size }));

describe('permutation', () => {
  it('takes every value once, for any size', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(), fc.integer({ min: 1, max: 3000 }), (seed, epoch, size) => {
        expect(all(seed, epoch, size).toSorted((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
      }),
    );
  });

  it('differs between seeds, also beyond 32 bits, and between epochs', () => {
    const orders = [all(1, 0, 50), all(2, 0, 50), all(1 + 2 ** 32, 0, 50), all(1, 1, 50), all(-1, 0, 50)];
    expect(new Set(orders.map(String)).size).toBe(orders.length);
    expect(all(1, 0, 50)).toEqual(orders[0]);
  });

  it('is close to uniform: each value comes to each place about equally often', () => {
    const size = 7;
    const runs = 7000;
    const counts = Array.from({ length: size * size }, () => 0);
    for (let seed = 0; seed < runs; seed++) {
      for (const [place, value] of all(seed, 3, size).entries()) {
        counts[place * size + value] = (counts[place * size + value] ?? 0) + 1;
      }
    }
    // Chi-square with (size - 1)^2 = 36 degrees of freedom: above 80 has a probability of 4e-5.
    const mean = runs / size;
    expect(counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)).toBeLessThan(80);
  });

  it('leaves few neighbours together', () => {
    const order = all(5, 0, 10_000);
    const neighbours = order.filter((value, i) => i > 0 && Math.abs(value - (order[i - 1] ?? 0)) === 1).length;
    expect(neighbours).toBeLessThan(15); // 2 expected
  });

  it('reaches any position of a large size at once', () => {
    const at = permutation({ seed: 1, epoch: 0, size: 2 ** 32 });
    const values = [0, 1, 2 ** 31, 2 ** 32 - 1].map(at);
    expect(new Set(values).size).toBe(4);
    for (const value of values) expect(value >= 0 && value < 2 ** 32).toBe(true);
  });

  it.each([
    { seed: 0.5, epoch: 0, size: 3 },
    { seed: 0, epoch: 0, size: 0 },
    { seed: 0, epoch: 0, size: 2 ** 33 },
  ])('refuses %o', (options) => {
    expect(() => permutation(options)).toThrow(/\[permutation\] expected/);
  });
});
