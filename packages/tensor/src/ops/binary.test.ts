import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

// Inside the domain of pow.
const positive = [0.3, 0.8, 1.4, 2.2];

describe.each(t.availableBackends())('arithmetic of two tensors on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it.each(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow'] as const)(
    '%s: gradient under broadcasting',
    (name) => {
      const a = t.tensor([positive, [1.1, 0.5, 0.9, 1.6]]);
      checkGradients(([x, y]) => t[name](x!, y!), [a, t.tensor([[0.7], [1.3]])], { step: 3e-3 });
      checkGradients(([x, y]) => t[name](x!, y!), [t.tensor(1.2), a], { step: 3e-3 });
    },
  );

  it('broadcasts, with sizes 0 and 1', () => {
    expect([...t.add(t.tensor([[1], [2]]), t.tensor([10, 20])).dataSync()]).toEqual([11, 21, 12, 22]);
    expect(t.mul(t.zeros([0, 3]), t.ones([3])).shape).toEqual([0, 3]);
    expect(t.exp(t.zeros([0])).shape).toEqual([0]);
    expect(t.add(t.tensor(1), 2).dataSync()[0]).toBe(3);
  });

  it('keeps integers exact', () => {
    expect([...t.add(t.tensor(new Int32Array([2 ** 30])), t.tensor(new Int32Array([7]))).dataSync()]).toEqual([
      2 ** 30 + 7,
    ]);
  });

  it('teaches in its errors', () => {
    expect(() => t.add(t.ones([2, 3]), t.ones([4]))).toThrow('[add] expected shapes that broadcast');
    expect(() => t.add(t.ones([2]), t.tensor(new Int32Array([1, 2])))).toThrow('convert one with cast()');
  });
});
