import { describe, expect, it } from 'vitest';
import type { NDArray } from '../contract';
import { bytesOf, haveNative, native, normalPair, pair, plainLoss, valuesOn } from './native.test-support';

describe.skipIf(!haveNative)('memory and errors', () => {
  it('packed weights follow in-place writes', () => {
    const [x, w] = [normalPair([3, 20], 54).native, normalPair([9, 20], 55).native];
    const before = [1, 2, 3].map(() => bytesOf(native().kernels.linear(x, w, null, 'float32')));
    expect(before[2]).toEqual(before[0]);
    native().kernels.scaleInPlace(w, pair([2], []).native);
    native().invalidate(w.block);
    const after = valuesOn(native(), native().kernels.linear(x, w, null, 'float32'));
    const twice = new Float32Array(before[0]?.buffer ?? new ArrayBuffer(0));
    twice.forEach((v, i) => expect(after[i]).toBe(2 * v));
  });

  it('freed memory is refused, not read; indices out of range are typed errors', () => {
    const x = normalPair([4, 5], 56).native;
    native().kernels.copy(x); // makes a host view
    native().free(x.block);
    native().free(x.block);
    expect(() => native().kernels.softmax(x)).toThrow(expect.objectContaining({ code: 'disposed' }));
    expect(() => native().readSync(x.block, 0, 4)).toThrow(expect.objectContaining({ code: 'disposed' }));
    const y = normalPair([4, 5], 57).native;
    expect(() => native().kernels.indexSelect(y, pair([4], [1], 'int32').native, 0)).toThrow(
      expect.objectContaining({ code: 'index_out_of_range' }),
    );
    expect(() => native().kernels.crossEntropy(y, pair([0, 1, 2, 9], [4], 'int32').native, plainLoss)).toThrow(
      expect.objectContaining({ code: 'index_out_of_range' }),
    );
    expect(() => native().kernels.fill([2 ** 44], 'float32', 0)).toThrow(
      expect.objectContaining({ code: 'out_of_memory' }),
    );
  });

  it('a kernel that runs out of memory half way gives back what it had', () => {
    const [y, x, a] = [normalPair([2, 3], 58).native, normalPair([2, 4], 59).native, normalPair([1, 4], 60).native];
    const b: NDArray = { ...a, shape: [3, 2 ** 46] };
    const before = native().memory().liveBytes;
    expect(() => native().kernels.lowRank(y, x, { a, b, scale: 1 })).toThrow(
      expect.objectContaining({ code: 'out_of_memory' }),
    );
    expect(native().memory().liveBytes).toBe(before);
  });

  it('a shared block lives until both let go', () => {
    const x = pair([1, 2, 3], [3]).native;
    const handle = native().share(x.block);
    const block = native().attach(structuredClone(handle));
    native().free(x.block);
    expect([...new Float32Array(native().readSync(block, 0, 12).buffer)]).toEqual([1, 2, 3]);
    native().free(block);
    expect(() => native().attach(handle)).toThrow(expect.objectContaining({ code: 'disposed' }));
  });
});
