import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';

describe.each(t.availableBackends())('comparisons and logic on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it('compares and combines bools', () => {
    const x = t.tensor([1, 2, Number.NaN]);
    expect([...t.lessEqual(x, 1).dataSync()]).toEqual([1, 0, 0]);
    expect([...t.notEqual(x, x).dataSync()]).toEqual([0, 0, 1]);
    expect([...t.logicalNot(t.isNan(x)).dataSync()]).toEqual([1, 1, 0]);
    expect([...t.logicalAnd(t.greater(x, 0), t.isFinite(x)).dataSync()]).toEqual([1, 1, 0]);
    expect([...t.logicalOr(t.greater(x, 1), t.isNan(x)).dataSync()]).toEqual([0, 1, 1]);
  });

  it('every number but 0 is true, NaN too', () => {
    const values = [0, -0, 0.5, 256, -1, Number.POSITIVE_INFINITY, Number.NaN];
    const want = [0, 0, 1, 1, 1, 1, 1];
    expect(values.map((v) => t.full([], v, { dtype: 'bool' }).dataSync()[0])).toEqual(want);
    expect([...t.tensor(values, { dtype: 'bool' }).dataSync()]).toEqual(want);
    expect([...t.cast(t.tensor(values), 'bool').dataSync()]).toEqual(want);
  });
});
