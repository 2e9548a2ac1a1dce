import { describe, expect, it } from 'vitest';
import { preciseLog } from './precise-log';

describe('preciseLog', () => {
  // The nearest numbers to ln n, from 60 decimal digits.
  it.each([
    [1, 0],
    [3, 1.0986122886681098],
    [7, 1.9459101490553132],
    [48, 3.871201010907891],
    [74, 4.30406509320417],
    [185, 5.220355825078324],
    [65537, 11.090370147631774],
    [1000000007, 20.72326584394641],
    [4503599627370495, 36.04365338911715],
  ])('ln %d', (n, expected) => {
    expect(preciseLog(n)).toBe(expected);
  });
});
