import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

// Away from the kinks and inside every function's domain.
const positive = [0.3, 0.8, 1.4, 2.2];
const mixed = [-1.7, -0.6, 0.4, 1.9];

describe.each(t.availableBackends())('elementwise ops on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it.each([
    'abs',
    'cos',
    'elu',
    'erf',
    'exp',
    'expm1',
    'geluErf',
    'geluTanh',
    'leakyRelu',
    'mish',
    'neg',
    'quickGelu',
    'relu',
    'relu2',
    'sigmoid',
    'silu',
    'sin',
    'softplus',
    'square',
    'tanh',
  ] as const)('%s: gradient by finite differences', (name) => {
    checkGradients(([x]) => t[name](x!), [t.tensor(mixed)]);
  });

  it.each(['log', 'log1p', 'reciprocal', 'rsqrt', 'sqrt'] as const)('%s: gradient by finite differences', (name) => {
    checkGradients(([x]) => t[name](x!), [t.tensor(positive)], { step: 2e-3 });
  });

  it.each(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow'] as const)(
    '%s: gradient under broadcasting',
    (name) => {
      const a = t.tensor([positive, [1.1, 0.5, 0.9, 1.6]]);
      checkGradients(([x, y]) => t[name](x!, y!), [a, t.tensor([[0.7], [1.3]])], { step: 3e-3 });
      checkGradients(([x, y]) => t[name](x!, y!), [t.tensor(1.2), a], { step: 3e-3 });
    },
  );

  it('clamp and where: gradient by finite differences', () => {
    checkGradients(([x]) => t.clamp(x!, { min: -1, max: 1 }), [t.tensor(mixed)]);
    const c = t.greater(t.tensor(mixed), 0);
    checkGradients(([a, b]) => t.where(c, a!, b!), [t.tensor(positive), t.tensor(3)]);
  });

  // Gradients of PyTorch 2.13.
  it.each([
    ['relu', [1, 0, 0, 0, 1, 0]],
    ['relu2', [Number.NaN, 0, 0, 0, Number.POSITIVE_INFINITY, 0]],
    ['quickGelu', [Number.NaN, 0.5, -5.4407084442093315e-14, -6.500850417978654e-7, 1, 0]],
    ['elu', [1, 1, 2.06115369216775e-9, 4.539993096841499e-5, 1, 0]],
  ] as const)('has the gradient of %s at its ends and of what is not a number', (name, expected) => {
    const x = t.tensor([Number.NaN, -0, -20, -10, 3e38, -3e38]);
    const [g] = t.grad(() => t.sum(t[name](x)), [x]) as [t.Tensor];
    g.dataSync().forEach((value, i) => {
      const right = expected[i] as number;
      if (Number.isFinite(right)) expect(Math.abs(value - right)).toBeLessThanOrEqual(2e-6 * Math.abs(right));
      else expect(value).toBe(right);
    });
  });

  it('broadcasts, with sizes 0 and 1', () => {
    expect([...t.add(t.tensor([[1], [2]]), t.tensor([10, 20])).dataSync()]).toEqual([11, 21, 12, 22]);
    expect(t.mul(t.zeros([0, 3]), t.ones([3])).shape).toEqual([0, 3]);
    expect(t.exp(t.zeros([0])).shape).toEqual([0]);
    expect(t.add(t.tensor(1), 2).dataSync()[0]).toBe(3);
  });

  it('every number but 0 is true, NaN too', () => {
    const values = [0, -0, 0.5, 256, -1, Number.POSITIVE_INFINITY, Number.NaN];
    const want = [0, 0, 1, 1, 1, 1, 1];
    expect(values.map((v) => t.full([], v, { dtype: 'bool' }).dataSync()[0])).toEqual(want);
    expect([...t.tensor(values, { dtype: 'bool' }).dataSync()]).toEqual(want);
    expect([...t.cast(t.tensor(values), 'bool').dataSync()]).toEqual(want);
  });

  it('|x| has the gradient 0 where x is 0 or no number, as in torch', () => {
    const x = t.tensor([-2, 0, Number.NaN, 3]);
    expect([...t.grad(() => t.sum(t.abs(x)), [x])[0]!.dataSync()]).toEqual([-1, 0, 0, 1]);
  });

  it('compares and combines bools', () => {
    const x = t.tensor([1, 2, Number.NaN]);
    expect([...t.lessEqual(x, 1).dataSync()]).toEqual([1, 0, 0]);
    expect([...t.notEqual(x, x).dataSync()]).toEqual([0, 0, 1]);
    expect([...t.logicalNot(t.isNan(x)).dataSync()]).toEqual([1, 1, 0]);
    expect([...t.logicalAnd(t.greater(x, 0), t.isFinite(x)).dataSync()]).toEqual([1, 1, 0]);
    expect([...t.logicalOr(t.greater(x, 1), t.isNan(x)).dataSync()]).toEqual([0, 1, 1]);
  });

  it('rounds halves to even and keeps integers exact', () => {
    expect([...t.round(t.tensor([0.5, 1.5, -2.5])).dataSync()]).toEqual([0, 2, -2]);
    expect([...t.add(t.tensor(new Int32Array([2 ** 30])), t.tensor(new Int32Array([7]))).dataSync()]).toEqual([
      2 ** 30 + 7,
    ]);
  });

  it('teaches in its errors', () => {
    expect(() => t.add(t.ones([2, 3]), t.ones([4]))).toThrow('[add] expected shapes that broadcast');
    expect(() => t.add(t.ones([2]), t.tensor(new Int32Array([1, 2])))).toThrow('convert one with cast()');
    expect(() => t.exp(t.tensor(new Int32Array([1])))).toThrow('float dtype');
    expect(() => t.clamp(t.ones([1]), { min: 2, max: 1 })).toThrow('min <= max');
  });
});
