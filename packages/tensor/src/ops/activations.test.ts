import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

// Away from the kinks.
const mixed = [-1.7, -0.6, 0.4, 1.9];

describe.each(t.availableBackends())('activations on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it.each([
    'elu',
    'geluErf',
    'geluTanh',
    'leakyRelu',
    'mish',
    'quickGelu',
    'relu',
    'relu2',
    'sigmoid',
    'silu',
    'softplus',
    'tanh',
  ] as const)('%s: gradient by finite differences', (name) => {
    checkGradients(([x]) => t[name](x!), [t.tensor(mixed)]);
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
});
