import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';

describe.each(t.availableBackends())('slices on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const x = () => t.normal([2, 3, 4], { seed: 5 });

  it('concat undoes split, for any sizes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), (size) => {
        const v = x();
        expect(t.concat(t.split(v, size, { dim: 2 }), { dim: 2 }).dataSync()).toEqual(v.dataSync());
      }),
    );
  });

  it('slices as Python does', () => {
    const v = t.arange(5);
    const get = (range: t.SliceRange) => [...t.slice(v, [range]).dataSync()];
    expect(get({ start: -2 })).toEqual([3, 4]);
    expect(get({ step: -2 })).toEqual([4, 2, 0]);
    expect(get({ start: 4, stop: 1, step: -1 })).toEqual([4, 3, 2]);
    expect(get({ start: 3, stop: 1 })).toEqual([]);
    expect(get({ start: -100, stop: 100 })).toEqual([0, 1, 2, 3, 4]);
  });
});
