import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

describe.each(t.availableBackends())('reductions on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const x = () =>
    t.tensor([
      [
        [0.3, -1.2],
        [2.1, 0.7],
      ],
      [
        [1.9, 0.4],
        [-0.8, 1.1],
      ],
    ]);

  it.each(['sum', 'mean', 'variance', 'std', 'max', 'min', 'prod', 'norm'] as const)(
    '%s: gradient by finite differences, over all axes, one and two',
    (name) => {
      for (const options of [{}, { dims: 1 }, { dims: [0, -1], keepdim: true }]) {
        checkGradients(([v]) => t[name](v!, options), [x()], { step: 3e-3 });
      }
    },
  );

  it('other norms, cumsum, sort, topk: gradient by finite differences', () => {
    for (const p of [1, 3, Number.POSITIVE_INFINITY]) {
      checkGradients(([v]) => t.norm(v!, { p, dims: 2 }), [x()], { step: 3e-3 });
    }
    checkGradients(([v]) => t.cumsum(v!, { dim: 1 }), [x()]);
    checkGradients(([v]) => t.sort(v!, { dim: 0, descending: true }).values, [x()]);
    checkGradients(([v]) => t.topk(v!, 1, { dim: 1 }).values, [x()]);
    checkGradients(([v]) => t.topk(v!, 1, { dim: 1, largest: false }).values, [x()]);
  });

  it('the product has a gradient at zeros', () => {
    const one = t.tensor([2, 0, 3]);
    expect([...(t.grad(() => t.prod(one), [one])[0]?.dataSync() ?? [])]).toEqual([0, 6, 0]);
    const two = t.tensor([0, 0, 3]);
    expect([...(t.grad(() => t.prod(two), [two])[0]?.dataSync() ?? [])]).toEqual([0, 0, 0]);
  });

  it('handles empty and size-1 axes', () => {
    expect([...t.sum(t.zeros([3, 0]), { dims: 1 }).dataSync()]).toEqual([0, 0, 0]);
    expect(t.sum(t.zeros([0, 3]), { dims: 1 }).shape).toEqual([0]);
    expect(() => t.max(t.zeros([0]))).toThrow('at least one element');
    expect(t.argmax(t.tensor([[5]]), { dim: 1 }).dataSync()[0]).toBe(0);
  });

  it('counts bools and adds up bytes beyond 255', () => {
    const hits = t.equal(t.zeros([300]), 0);
    expect(t.sum(hits).dataSync()[0]).toBe(300);
    expect(t.sum(hits).dtype).toBe('int32');
    const bytes = t.tensor(new Uint8Array([200, 100, 2]));
    expect(t.sum(bytes).dataSync()[0]).toBe(302);
    expect(t.prod(bytes).dataSync()[0]).toBe(40_000);
    expect([...t.cumsum(bytes, { dim: 0 }).dataSync()]).toEqual([200, 300, 302]);
  });

  it('argmax takes the first of equals; any and all reduce bools', () => {
    expect([
      ...t
        .argmax(
          t.tensor([
            [1, 3, 3],
            [2, 2, 1],
          ]),
          { dim: 1 },
        )
        .dataSync(),
    ]).toEqual([1, 0]);
    const b = t.greater(
      t.tensor([
        [1, -1],
        [2, 3],
      ]),
      0,
    );
    expect([...t.all(b, { dims: 1 }).dataSync()]).toEqual([0, 1]);
    expect([...t.any(b, { dims: 1 }).dataSync()]).toEqual([1, 1]);
  });

  it('refuses axes that do not exist', () => {
    expect(() => t.sum(t.ones([2]), { dims: 1 })).toThrow('axis from -1 to 0');
    expect(() => t.sum(t.ones([2, 2]), { dims: [0, -2] })).toThrow('twice');
    expect(() => t.topk(t.ones([2]), 3)).toThrow('k from 0 to 2');
  });
});
