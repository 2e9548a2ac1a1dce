import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

// Inside every function's domain.
const positive = [0.3, 0.8, 1.4, 2.2];
// Away from the kinks.
const mixed = [-1.7, -0.6, 0.4, 1.9];

describe.each(t.availableBackends())('functions of one argument on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it.each(['abs', 'cos', 'erf', 'exp', 'expm1', 'neg', 'sin', 'square'] as const)(
    '%s: gradient by finite differences',
    (name) => {
      checkGradients(([x]) => t[name](x!), [t.tensor(mixed)]);
    },
  );

  it.each(['log', 'log1p', 'reciprocal', 'rsqrt', 'sqrt'] as const)('%s: gradient by finite differences', (name) => {
    checkGradients(([x]) => t[name](x!), [t.tensor(positive)], { step: 2e-3 });
  });

  it('|x| has the gradient 0 where x is 0 or no number, as in torch', () => {
    const x = t.tensor([-2, 0, Number.NaN, 3]);
    expect([...t.grad(() => t.sum(t.abs(x)), [x])[0]!.dataSync()]).toEqual([-1, 0, 0, 1]);
  });

  it('rounds halves to even', () => {
    expect([...t.round(t.tensor([0.5, 1.5, -2.5])).dataSync()]).toEqual([0, 2, -2]);
  });

  it('teaches in its errors', () => {
    expect(() => t.exp(t.tensor(new Int32Array([1])))).toThrow('float dtype');
  });
});
