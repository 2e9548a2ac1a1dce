import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sparkline } from './sparkline';

describe('sparkline', () => {
  it('runs from the lowest to the highest block', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([7, 0])).toBe('█▁');
  });

  it('averages equal shares of a longer series', () => {
    expect(sparkline([0, 0, 7, 7], 2)).toBe('▁█');
  });

  it('draws a constant series flat and an empty one as nothing', () => {
    expect(sparkline([3, 3, 3])).toBe('▁▁▁');
    expect(sparkline([])).toBe('');
  });

  it('marks what is not finite', () => {
    expect(sparkline([0, Number.NaN, 7])).toBe('▁·█');
    expect(sparkline([Number.NaN])).toBe('·');
  });

  it('has min(width, values) characters and does not depend on scale and shift by powers of two', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 })), fc.integer({ min: 1, max: 40 }), (values, width) => {
        const line = sparkline(values, width);
        expect([...line]).toHaveLength(Math.min(width, values.length));
        expect(
          sparkline(
            values.map((v) => v * 4),
            width,
          ),
        ).toBe(line);
      }),
    );
  });

  it('refuses a width of no character', () => {
    expect(() => sparkline([1], 0)).toThrow(/whole number/);
  });
});
