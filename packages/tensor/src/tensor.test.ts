import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './raw';
import {
  TensorError,
  anomaly,
  arange,
  attach,
  availableBackends,
  eye,
  fromBytes,
  full,
  hash32,
  isTensor,
  labelled,
  log,
  matmul,
  memory,
  normal,
  oneHot,
  profile,
  reshape,
  share,
  slice,
  tensor,
  uniform,
  withBackend,
  zeros,
} from './index';

describe('tensor', () => {
  it('says where the shape goes', () => {
    // @ts-expect-error as other libraries have it
    expect(() => tensor(new Float32Array(4), [2, 2])).toThrow('[tensor] expected settings such as { shape: [2, 2] }');
    // @ts-expect-error no list
    expect(() => zeros(3)).toThrow('expected a shape such as [2, 3], got 3');
  });

  it('names the op whose bytes or values do not fit', () => {
    expect(() => fromBytes(new Uint8Array(8), [3], 'float32')).toThrow(
      '[fromBytes] expected 3 elements for the shape (3), got 2',
    );
    expect(() => fromBytes(new Uint8Array(8), [-1], 'float32')).toThrow('[fromBytes] expected a shape');
    expect(() => fromBytes(new Uint8Array(8), [1], 'float64' as 'float32')).toThrow('[fromBytes] expected a dtype');
    expect(() => tensor([1, 2], { shape: [3] })).toThrow('[tensor] expected 3 elements');
  });

  it('takes numbers, nested lists and typed arrays', () => {
    expect(tensor(3).shape).toEqual([]);
    expect(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]).shape,
    ).toEqual([2, 3]);
    expect(tensor(new Int32Array([1, 2])).dtype).toBe('int32');
    expect([...tensor([true, false], { dtype: 'bool' }).dataSync()]).toEqual([1, 0]);
    expect(tensor([]).shape).toEqual([0]);
  });

  it('says what it cannot hold', () => {
    for (const make of [
      () => zeros([2 ** 40]),
      () => arange(2 ** 40),
      () => eye(2 ** 20),
      () => oneHot(new Int32Array(1 << 20), 1 << 20),
    ]) {
      expect(make).toThrow(expect.objectContaining({ name: 'TensorError', code: 'out_of_memory' }));
    }
    expect(() => arange(Number.POSITIVE_INFINITY)).toThrow('finite bounds');
    expect([...arange(1, 2, { step: 0.25 }).dataSync()]).toEqual([1, 1.25, 1.5, 1.75]);
  });

  it('refuses ragged lists and shapes that do not fit', () => {
    expect(() => tensor([[1, 2], [3]])).toThrow(TensorError);
    expect(() => tensor([1, 2, 3], { shape: [2, 2] })).toThrow('4 elements');
    expect(() => zeros([-1])).toThrow('non-negative');
  });

  it('is recognised by a brand', () => {
    expect(isTensor(tensor([1]))).toBe(true);
    expect(isTensor({ shape: [] })).toBe(false);
  });

  it('shares memory with reshapes and leading slices', () => {
    const x = arange(12);
    const bytes = memory().liveBytes;
    const y = slice(reshape(x, [4, 3]), [{ start: 1, stop: 3 }]);
    expect(memory().liveBytes).toBe(bytes);
    expect([...y.dataSync()]).toEqual([3, 4, 5, 6, 7, 8]);
  });

  it('is freed by using', () => {
    const before = memory().tensors;
    {
      using x = zeros([3]);
      expect(x.size).toBe(3);
    }
    expect(memory().tensors).toBe(before);
  });
});

describe('tensors that nobody frees', () => {
  it('are counted until the collector finds them', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const collect = async (): Promise<void> => {
      gc();
      await new Promise((done) => setTimeout(done, 10));
    };
    // What earlier tests left.
    for (let i = 0; i < 3; i++) await collect();
    const before = memory().tensors;
    const kept = zeros([2]);
    (() => {
      for (let i = 0; i < 100; i++) reshape(zeros([4]), [2, 2]);
    })();
    expect(memory().tensors).toBe(before + 201);
    for (let i = 0; i < 50 && memory().tensors > before + 1; i++) await collect();
    expect(memory().tensors).toBe(before + 1);
    kept.dispose();
  });
});

describe('printing', () => {
  it('shows shape, dtype and values', () => {
    const text = inspect(
      tensor([
        [1, 2],
        [3, 4.5],
      ]),
    );
    expect(text).toContain('(2, 2) float32');
    expect(text).toContain('4.5000');
  });

  it('summarises large tensors and names special values', () => {
    expect(String(zeros([100, 100]))).toContain('…');
    expect(String(zeros([100, 100])).length).toBeLessThan(1000);
    expect(String(tensor([Number.NaN, Number.POSITIVE_INFINITY]))).toMatch(/nan.*inf/);
    expect(String(zeros([0, 3]))).toContain('(0, 3)');
    // As NumPy, whatever the other axes are.
    expect(String(zeros([1_000_000_000, 0])).split('\n')[1]).toBe('[]');
  });
});

describe('16-bit floats', () => {
  it('widen and round back without change', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
        if (!Number.isNaN(fromBfloat16(bits))) expect(toBfloat16(fromBfloat16(bits))).toBe(bits);
        if (!Number.isNaN(fromFloat16(bits))) expect(toFloat16(fromFloat16(bits))).toBe(bits);
      }),
    );
  });

  it('round to the nearest', () => {
    fc.assert(
      fc.property(fc.float({ min: -60000, max: 60000, noNaN: true }), (x) => {
        const bits = toFloat16(x);
        const got = Math.abs(fromFloat16(bits) - x);
        for (const other of [bits - 1, bits + 1]) {
          const value = fromFloat16(other & 0xffff);
          if (Number.isFinite(value)) expect(got).toBeLessThanOrEqual(Math.abs(value - x));
        }
      }),
    );
    expect(Number.isNaN(fromBfloat16(toBfloat16(Number.NaN)))).toBe(true);
    expect(fromFloat16(toFloat16(1e6))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('random numbers', () => {
  it('depend on seed and stream alone', () => {
    const draw = (seed: number, stream: number) => [...uniform([5], { seed, stream }).dataSync()];
    expect(draw(1, 0)).toEqual(draw(1, 0));
    expect(draw(1, 0)).not.toEqual(draw(2, 0));
    expect(draw(1, 0)).not.toEqual(draw(1, 1));
    expect([...uniform([3], { seed: 4 }).dataSync()]).toEqual([...uniform([9], { seed: 4 }).dataSync()].slice(0, 3));
  });

  it('have the moments of their distributions', () => {
    const x = normal([20000], { seed: 3, mean: 1, std: 2 }).dataSync();
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.06);
    expect(Math.abs(variance - 4)).toBeLessThan(0.2);
  });

  it('uniform ones stay below their upper end, also where it is a rounding away', () => {
    for (const [low, high] of [
      [1, 1 + 2 ** -22],
      [-1 - 2 ** -22, -1],
      [-(2 ** -149), 0],
    ] as const) {
      const values = uniform([4096], { seed: 3, low, high }).dataSync();
      expect(values.every((v) => v >= low && v < high)).toBe(true);
    }
    expect(uniform([1], { seed: 3, low: 2, high: 2 }).dataSync()[0]).toBe(2);
    expect(() => uniform([1], { seed: 3, low: 2, high: 1 })).toThrow('low <= high');
  });

  it('refuse seeds that are no integers', () => {
    expect(() => uniform([1], { seed: 1.5 })).toThrow('seed');
  });

  it('hash paths to different streams', () => {
    expect(hash32('a.0')).not.toBe(hash32('a.1'));
  });
});

describe('anomaly', () => {
  it('names the kernel and module that first made a NaN', () => {
    expect(() => anomaly(() => labelled('model.norm', () => log(tensor([-1]))))).toThrow(/log in model\.norm/);
    expect([...anomaly(() => log(tensor([1]))).dataSync()]).toEqual([0]);
  });
});

describe('profile', () => {
  it('records kernels, a trace and memory by module', () => {
    const x = normal([32, 32], { seed: 0 });
    const p = profile(() => labelled('block', () => matmul(x, full([32, 32], 1))));
    expect(p.result.shape).toEqual([32, 32]);
    expect(p.kernels.map((k) => k.name)).toContain('matmul');
    expect(p.traceEvents.some((e) => e.ph === 'X' && e.name === 'matmul')).toBe(true);
    expect(p.modules[0]?.path).toBe('block');
  });
});

describe('share', () => {
  it('gives a handle that posts to a thread and attaches to the same memory', () => {
    const x = tensor([1, 2, 3]);
    const y = attach(structuredClone(share(x)));
    x.dispose();
    expect([...y.dataSync()]).toEqual([1, 2, 3]);
  });

  it.each(availableBackends())('refuses handles that point outside the memory: %s', (backend) => {
    withBackend(backend, () => {
      const x = tensor([1, 2, 3, 4]);
      const handle = share(x);
      const live = memory().liveBytes;
      for (const [wrong, code] of [
        [{ shape: [400_000_000] }, 'shape'],
        [{ shape: [5] }, 'shape'],
        [{ offset: 2, shape: [3] }, 'shape'],
        [{ shape: [-1] }, 'shape'],
        [{ offset: -1 }, 'value'],
        [{ offset: 0.5, shape: [1] }, 'value'],
        [{ offset: Number.NaN }, 'value'],
        [{ dtype: 'float64' as 'float32' }, 'dtype'],
      ] as const) {
        expect(() => attach({ ...handle, ...wrong })).toThrow(expect.objectContaining({ code }));
      }
      const { memory: own } = handle;
      const boasting = own.kind === 'native' ? { ...own, byteLength: 2 ** 40 } : own;
      expect(() => attach({ ...handle, memory: boasting, shape: [2 ** 30] })).toThrow('within 16 bytes');
      expect([...attach({ ...handle, offset: 2, shape: [2] }).dataSync()]).toEqual([3, 4]);
      expect(memory().liveBytes).toBe(live + (backend === 'native' ? 0 : 16));
    });
  });
});
