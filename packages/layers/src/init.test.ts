import { describe, expect, it } from 'vitest';
import { initializer } from './init';

describe('initializer', () => {
  it.each([1.5, Number.NaN, -1, 2 ** 53, 'x', null, undefined])('refuses seed %s', (seed) => {
    const run = () => initializer({ seed: seed as number });
    expect(run).toThrow(expect.objectContaining({ name: 'LayersError', code: 'value' }));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -0.1, '1', null])('refuses a deviation of %s', (given) => {
    const std = given as number;
    const refused = expect.objectContaining({ name: 'LayersError', code: 'value' });
    expect(() => initializer({ seed: 1, std })).toThrow(refused);
    expect(() => initializer({ seed: 1 }).normal([2], std)).toThrow(refused);
  });

  it('takes bigints, and a deviation of 0', () => {
    const draw = (seed: number | bigint) => initializer({ seed }).normal([3]).dataSync();
    expect(draw(7n)).toEqual(draw(7));
    expect([...initializer({ seed: -1n, std: 0 }).normal([2]).dataSync()].map(Math.abs)).toEqual([0, 0]);
  });
});
