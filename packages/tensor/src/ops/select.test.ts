import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

const positive = [0.3, 0.8, 1.4, 2.2];
// Away from the kinks.
const mixed = [-1.7, -0.6, 0.4, 1.9];

describe.each(t.availableBackends())('where and clamp on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it('clamp and where: gradient by finite differences', () => {
    checkGradients(([x]) => t.clamp(x!, { min: -1, max: 1 }), [t.tensor(mixed)]);
    const c = t.greater(t.tensor(mixed), 0);
    checkGradients(([a, b]) => t.where(c, a!, b!), [t.tensor(positive), t.tensor(3)]);
  });

  it('teaches in its errors', () => {
    expect(() => t.clamp(t.ones([1]), { min: 2, max: 1 })).toThrow('min <= max');
  });
});
