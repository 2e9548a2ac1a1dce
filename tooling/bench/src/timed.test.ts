import { describe, expect, it } from 'vitest';
import { median, timed } from './timed';

describe('median', () => {
  it('is the middle value, whatever the order', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(median([])).toBeNaN();
  });
});

describe('timed', () => {
  it('divides by the calls it made', () => {
    let calls = 0;
    const start = performance.now();
    const seconds = timed(() => {
      calls++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
    });
    const whole = (performance.now() - start) / 1000;
    expect(calls).toBeGreaterThan(1);
    expect(seconds * calls).toBeLessThanOrEqual(whole);
    expect(seconds * calls).toBeGreaterThan(0.9 * whole);
  });
});
