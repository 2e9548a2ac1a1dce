import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';

describe.each(t.availableBackends())('means, deviations and norms on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  // What torch 2.13 gives on the CPU.
  it.each([
    ['float16', 1.7001953125, 1118, [0.268310546875, -0.357666015625, 0.89453125]],
    ['bfloat16', 1.703125, 1120, [0.267578125, -0.357421875, 0.89453125]],
  ] as const)('round %s once, and leave its range only where the result does', (dtype, third, length, unit) => {
    const x = t.tensor([300, -400, 1000], { dtype });
    const item = (y: t.Tensor) => y.dataSync()[0];
    expect(item(t.mean(t.full([100_000], 1, { dtype })))).toBe(1);
    expect(item(t.mean(t.tensor([1.7, 1.7, 1.7], { dtype })))).toBe(third);
    expect([item(t.mean(x)), item(t.std(x)), item(t.norm(x))]).toEqual([300, 700, length]);
    expect(t.norm(x).dtype).toBe(dtype);
    expect([...t.grad(() => t.norm(x), [x])[0]!.dataSync()]).toEqual(unit);
    expect([...t.grad(() => t.std(x), [x])[0]!.dataSync()]).toEqual([0, -0.5, 0.5]);
  });

  it.each([
    [0.5, [0, 0, 0, 1, 2.4142136573791504, 1.7071068286895752]],
    [3, [0, 0, 0, 1, 0.23112042248249054, 0.9244816899299622]],
  ] as const)('the norm with p = %d has the gradient 0 at 0, as in torch', (p, want) => {
    const x = t.tensor([
      [0, 0],
      [0, 1],
      [1, 2],
    ]);
    const [g] = t.grad(() => t.sum(t.norm(x, { p, dims: 1 })), [x]);
    g!.dataSync().forEach((v, i) => expect(v).toBeCloseTo(want[i]!, 6));
  });

  it('norms of negative values have the gradient of the other sign', () => {
    const x = t.tensor([-1, 2]);
    const [g] = t.grad(() => t.norm(x, { p: 3 }), [x]);
    expect(g!.dataSync()[0]).toBeCloseTo(-0.23112042, 6);
    expect(() => t.norm(t.tensor(new Int32Array([1])))).toThrow(expect.objectContaining({ code: 'dtype' }));
  });
});
