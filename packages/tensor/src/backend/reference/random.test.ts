import { describe, expect, it } from 'vitest';
import { philox4x32 } from '../../random/philox';
import { array, backend, read } from './kernels.test-support';

const { random, dropout } = backend.kernels;
const key = { seed: [11, 22], stream: [33, 44] } as const;
const unit = (word: number) => Math.floor(word / 256) / 2 ** 24;

describe('random', () => {
  it('uniform: element i is word i % 4 of counter (i / 4, stream)', () => {
    const got = read(random('uniform', [3, 3], key));
    const want = [0, 1, 2].flatMap((b) => philox4x32(key.seed, [b, 0, ...key.stream]).map(unit));
    expect(got).toEqual(want.slice(0, 9));
  });

  it('normal: Box-Muller on pairs of words', () => {
    const words = philox4x32(key.seed, [0, 0, ...key.stream]);
    const want = [0, 2].flatMap((j) => {
      const r = Math.sqrt(-2 * Math.log(unit(words[j] as number) + 2 ** -24));
      const angle = 2 * Math.PI * unit(words[j + 1] as number);
      return [Math.fround(r * Math.cos(angle)), Math.fround(r * Math.sin(angle))];
    });
    expect(read(random('normal', [4], key))).toEqual(want);
  });

  it('an element does not depend on the shape', () => {
    const long = read(random('normal', [40], key));
    for (const n of [0, 1, 2, 3, 5, 39]) expect(read(random('normal', [n], key))).toEqual(long.slice(0, n));
  });

  it('has the moments of its distribution', () => {
    const n = 100_000;
    const moments = (kind: 'normal' | 'uniform') => {
      const values = read(random(kind, [n], key));
      const mean = values.reduce((a, b) => a + b, 0) / n;
      return [mean, values.reduce((a, b) => a + (b - mean) ** 2, 0) / n];
    };
    const [mean, variance] = moments('normal') as [number, number];
    expect(Math.abs(mean)).toBeLessThan(0.015);
    expect(Math.abs(variance - 1)).toBeLessThan(0.025);
    const [middle, spread] = moments('uniform') as [number, number];
    expect(Math.abs(middle - 0.5)).toBeLessThan(0.005);
    expect(Math.abs(spread - 1 / 12)).toBeLessThan(0.002);
  });
});

describe('dropout', () => {
  const attrs = { p: 0.3, seed: [1, 2], stream: 3 } as const;
  const ones = (rows: number, columns: number) => array(Array(rows * columns).fill(1), [rows, columns]);

  it('drops a share p and scales the rest', () => {
    const rowKeys = Int32Array.from({ length: 400 }, (_, i) => i);
    const y = read(dropout(ones(200, 100), { ...attrs, rowKeys }));
    const dropped = y.filter((v) => v === 0).length / y.length;
    expect(Math.abs(dropped - 0.3)).toBeLessThan(0.015);
    expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
  });

  it('is a function of the row’s key, not of its place', () => {
    const three = read(dropout(ones(3, 9), { ...attrs, rowKeys: Int32Array.of(5, 0, 6, 0, 5, 1) }));
    const alone = (a: number, b: number) => read(dropout(ones(1, 9), { ...attrs, rowKeys: Int32Array.of(a, b) }));
    expect(three).toEqual([...alone(5, 0), ...alone(6, 0), ...alone(5, 1)]);
    expect(new Set([alone(5, 0), alone(6, 0), alone(5, 1)].map(String)).size).toBe(3);
  });
});
