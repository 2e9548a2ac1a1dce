import { describe, expect, it } from 'vitest';
import { agree, haveNative, indexAdd, native, normalPair, pair } from './native.test-support';

describe.skipIf(!haveNative)('against the reference backend', () => {
  it('look-ups and sums of rows by index', () => {
    const ids = pair([2, 0, 2, 1], [4], 'int32');
    const [flat, rows] = [normalPair([3, 22], 28), normalPair([4, 22], 29)];
    agree((k, of) => ({ y: k.indexSelect(of(flat), of(ids), 0), z: indexAdd(k, [3, 22], of(ids), of(rows), 0) }));
  });

  it('writeRowsInPlace: every pair of dtypes, the last of equal rows stays', () => {
    for (const [from, to] of [
      ['float32', 'float32'],
      ['float32', 'bfloat16'],
      ['bfloat16', 'bfloat16'],
      ['bfloat16', 'float32'],
    ] as const) {
      for (const width of [1, 7, 64, 130]) {
        const [target, source] = [normalPair([6, width], 31, to), normalPair([3, width], 32, from)];
        agree((k, of) => {
          k.writeRowsInPlace(of(target), Int32Array.of(4, 0, 4), of(source));
          return { target: of(target) };
        }, 0);
      }
    }
    const target = normalPair([6, 2], 31);
    const write = () =>
      native().kernels.writeRowsInPlace(target.native, Int32Array.of(6), normalPair([1, 2], 1).native);
    expect(write).toThrow(/from 0 to 5, got 6/);
  });
});
