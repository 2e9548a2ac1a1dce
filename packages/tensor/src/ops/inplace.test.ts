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
    expect(() => t.adamwInPlace(p, p, { m, v, lr: Number.NaN, beta1, beta2, eps, weightDecay, step: 1 })).toThrow(
      'finite lr',
    );
  });

  it('sumSquares runs over all tensors', () => {
    expect(t.sumSquares([t.tensor([1, 2]), t.tensor([[3]])]).dataSync()[0]).toBe(14);
  });
});
