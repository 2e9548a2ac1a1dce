import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';

describe.each(t.availableBackends())('in-place ops on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it('write the memory and raise the version, seen through views', () => {
    const x = t.tensor([1, 2, 3, 4]);
    const view = t.reshape(x, [2, 2]);
    t.addInPlace(x, t.ones([4]));
    t.scaleInPlace(view, t.tensor(2));
    expect([...x.dataSync()]).toEqual([4, 6, 8, 10]);
    expect(x.version).toBe(2);
    t.copyInPlace(x, t.zeros([4]));
    expect([...view.dataSync()]).toEqual([0, 0, 0, 0]);
  });

  it('writeRowsInPlace converts to the dtype of the target', () => {
    const cache = t.zeros([3, 2], { dtype: 'bfloat16' });
    t.writeRowsInPlace(
      cache,
      new Int32Array([2, 0]),
      t.tensor([
        [1.00390625, 2],
        [3, 4],
      ]),
    );
    expect([...cache.dataSync()]).toEqual([3, 4, 0, 0, 1, 2]);
    expect(() => t.writeRowsInPlace(cache, new Int32Array([3]), t.ones([1, 2]))).toThrow('rows from 0 to 2');
  });

  it('refuse a source whose gradient would be lost', () => {
    const w = t.ones([1, 2]);
    const into = t.zeros([1, 2]);
    const writes: ((source: t.Tensor) => void)[] = [
      (x) => t.addInPlace(into, x),
      (x) => t.copyInPlace(into, x),
      (x) => t.writeRowsInPlace(into, new Int32Array([0]), x),
    ];
    for (const write of writes) {
      const loss = (): t.Tensor => {
        write(t.mul(w, w));
        return t.sum(into);
      };
      expect(() => t.grad(loss, [w])).toThrow(expect.objectContaining({ code: 'autograd' }));
      expect([...into.dataSync()]).toEqual([0, 0]);
    }
    const [g] = t.grad(() => {
      const y = t.mul(w, w);
      t.noGrad(() => t.copyInPlace(into, y));
      return t.sum(y);
    }, [w]);
    expect([...(g as t.Tensor).dataSync()]).toEqual([2, 2]);
    expect([...into.dataSync()]).toEqual([1, 1]);
  });

  it('a product after an in-place write uses the new weight', () => {
    const w = t.ones([2, 2]);
    const x = t.ones([1, 2]);
    t.linear(x, w);
    t.scaleInPlace(w, t.tensor(3));
    expect([...t.linear(x, w).dataSync()]).toEqual([6, 6]);
  });

  it('adamw walks as the formula says', () => {
    const p = t.tensor([1, -2]);
    const m = t.zeros([2]);
    const v = t.zeros([2]);
    const [lr, beta1, beta2, eps, weightDecay] = [0.1, 0.9, 0.99, 1e-8, 0.01];
    const want = [1, -2];
    const ms = [0, 0];
    const vs = [0, 0];
    for (let step = 1; step <= 5; step++) {
      const g = [0.5 * step, -0.25];
      t.adamwInPlace(p, t.tensor(g), { m, v, lr, beta1, beta2, eps, weightDecay, step, factor: t.tensor(0.5) });
      for (let i = 0; i < 2; i++) {
        const gi = g[i]! * 0.5;
        ms[i] = beta1 * ms[i]! + (1 - beta1) * gi;
        vs[i] = beta2 * vs[i]! + (1 - beta2) * gi * gi;
        const scaled = ms[i]! / (1 - beta1 ** step) / (Math.sqrt(vs[i]! / (1 - beta2 ** step)) + eps);
        want[i] = want[i]! * (1 - lr * weightDecay) - lr * scaled;
      }
    }
    p.dataSync().forEach((x, i) => expect(x).toBeCloseTo(want[i]!, 5));
    const settings = { m, v, lr, beta1, beta2, eps, weightDecay, step: 1 };
    for (const [wrong, text] of [
      [{ lr: Number.NaN }, 'finite lr'],
      [{ step: 0.5 }, 'step from 1'],
      [{ beta1: 1 }, 'beta1 and beta2 from 0 to below 1, got 1 and 0.99'],
      [{ beta2: 2 }, 'beta1 and beta2 from 0 to below 1, got 0.9 and 2'],
      [{ beta1: -0.1 }, 'beta1 and beta2'],
      [{ eps: -1 }, 'eps of 0 or more'],
      [{ weightDecay: Number.NaN }, 'finite weightDecay'],
    ] as const) {
      expect(() => t.adamwInPlace(p, t.ones([2]), { ...settings, ...wrong })).toThrow(text);
    }
    p.dataSync().forEach((x, i) => expect(x).toBeCloseTo(want[i]!, 5));
  });

  it('take the values that an overlapping source had before', () => {
    for (const n of [5, 70_000]) {
      for (const dtype of ['float32', 'bfloat16', 'int32'] as const) {
        const values = Array.from({ length: n }, (_, i) => i % 100);
        const from = (start: number) => values.slice(start, start + n - 1);
        for (const [to, at] of [
          [1, 0],
          [0, 1],
        ] as const) {
          const views = (): [t.Tensor, t.Tensor, t.Tensor] => {
            const x = t.tensor(values, { dtype });
            return [x, t.slice(x, [{ start: to, stop: to + n - 1 }]), t.slice(x, [{ start: at, stop: at + n - 1 }])];
          };
          const [x, target, source] = views();
          t.copyInPlace(target, source);
          const copied = to === 1 ? [values[0], ...from(0)] : [...from(1), values[n - 1]];
          expect(x.dataSync().join()).toBe(copied.join());
          const [y, sum, term] = views();
          t.addInPlace(sum, term);
          const sums = from(0).map((v, i) => v + values[i + 1]!);
          expect(y.dataSync().join()).toBe((to === 1 ? [values[0], ...sums] : [...sums, values[n - 1]]).join());
        }
      }
    }
    const cache = t.reshape(t.arange(6), [3, 2]);
    t.writeRowsInPlace(cache, new Int32Array([2, 0, 1]), cache);
    expect([...cache.dataSync()]).toEqual([2, 3, 4, 5, 0, 1]);
    const live = t.memory().tensors;
    t.copyInPlace(t.slice(cache, [{ stop: 2 }]), t.slice(cache, [{ start: 1 }]));
    expect(t.memory().tensors).toBe(live + 2);
    expect(cache.version).toBe(2);
  });

  it('bools stay 0 and 1', () => {
    const yes = t.ones([2], { dtype: 'bool' });
    t.addInPlace(yes, t.ones([2], { dtype: 'bool' }));
    t.scaleInPlace(yes, t.tensor(3));
    expect([...yes.dataSync()]).toEqual([1, 1]);
  });

  it('writeRowsInPlace refuses a target without rows', () => {
    for (const dtype of ['float32', 'int32'] as const) {
      expect(() => t.writeRowsInPlace(t.zeros([], { dtype }), new Int32Array([3]), t.zeros([1], { dtype }))).toThrow(
        expect.objectContaining({ code: 'shape' }),
      );
    }
  });

  it('sumSquares runs over all tensors', () => {
    expect(t.sumSquares([t.tensor([1, 2]), t.tensor([[3]])]).dataSync()[0]).toBe(14);
  });
});

describe('writing in place where gradients flow', () => {
  const x = t.tensor([1, 2]);
  const writes: Readonly<Record<string, (y: t.Tensor) => void>> = {
    scaleInPlace: (y) => t.scaleInPlace(y, t.tensor(3)),
    copyInPlace: (y) => t.copyInPlace(y, t.tensor([5, 6])),
    writeRowsInPlace: (y) => t.writeRowsInPlace(y, Int32Array.of(0), t.tensor([5])),
  };

  it.each(Object.entries(writes))('%s refuses a target whose gradient it would change', (name, write) => {
    const loss = (write: (y: t.Tensor) => void) => () => {
      const y = t.add(x, 1);
      write(y);
      return t.sum(y);
    };
    expect(() => t.grad(loss(write), [x])).toThrow(`[${name}] expected a target that no gradient flows to`);
    const [g] = t.grad(
      loss((y) => t.noGrad(() => write(y))),
      [x],
    );
    expect([...(g as t.Tensor).dataSync()]).toEqual([1, 1]);
  });

  it('addInPlace leaves the gradient as it is', () => {
    const [g] = t.grad(() => {
      const y = t.add(x, 1);
      t.addInPlace(y, t.tensor([10, 10]));
      return t.sum(t.square(y));
    }, [x]);
    expect([...(g as t.Tensor).dataSync()]).toEqual([24, 26]);
  });
});
