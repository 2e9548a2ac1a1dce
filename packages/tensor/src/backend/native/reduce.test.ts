import { describe, it } from 'vitest';
import { agree, haveNative, normalPair, pair } from './native.test-support';

describe.skipIf(!haveNative)('against the reference backend', () => {
  it('sums over the leading axis', () => {
    const flat = normalPair([3, 22], 28);
    agree((k, of) => ({ s: k.reduce('sum', of(flat), [0]) }));
  });

  it('argReduce: first of equals, NaN first of all, -Infinity alone, every length', () => {
    for (const length of [1, 3, 7, 8, 9, 31, 100]) {
      const base = Array.from({ length: 4 * length }, (_, i) => (i * 7) % 5);
      for (let i = 0; i < length; i++) base[length + i] = Number.NEGATIVE_INFINITY;
      base[3 * length - 1] = Number.NaN;
      base[3 * length + Math.floor(length / 2)] = Number.NaN;
      const x = pair(base, [4, length]);
      agree((k, of) => ({ most: k.argReduce('max', of(x), 1), least: k.argReduce('min', of(x), 1) }), 0);
    }
  });
});
