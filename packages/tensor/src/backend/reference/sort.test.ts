import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, backend, read } from './kernels.test-support';

const { sort, topk } = backend.kernels;

// Few distinct values, so that ties are common, and the special ones.
const value = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
);

/** Places in descending order: NaN first, ties by place, by repeated selection of the largest. */
function descending(values: readonly number[]): number[] {
  const rank = (v: number) => (Number.isNaN(v) ? Number.MAX_VALUE : v === Number.POSITIVE_INFINITY ? 1e300 : v);
  const left = values.map((_, i) => i);
  const out: number[] = [];
  while (left.length > 0) {
    let best = 0;
    for (let i = 1; i < left.length; i++) {
      if (rank(values[left[i] as number] as number) > rank(values[left[best] as number] as number)) best = i;
    }
    out.push(...left.splice(best, 1));
  }
  return out;
}

describe('sort', () => {
  it('orders descending with NaN first, ties by place', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 12 }), (values) => {
        const { values: sorted, indices } = sort(array(values), true);
        expect(read(indices)).toEqual(descending(values));
        expect(read(sorted)).toEqual(descending(values).map((i) => values[i]));
      }),
    );
  });

  it('orders ascending with NaN last, ties by place', () => {
    expect(read(sort(array([2, Number.NaN, 1, 2, 1]), false).indices)).toEqual([2, 4, 0, 3, 1]);
  });

  it('sorts rows by themselves, also integers and empty rows', () => {
    expect(read(sort(array([3, 1, 2, 9, 8, 7], [2, 3], 'int32'), false).values)).toEqual([1, 2, 3, 7, 8, 9]);
    expect(sort(array([], [2, 0]), false).values.shape).toEqual([2, 0]);
  });
});

describe('topk', () => {
  it('is the head of the descending sort, for small and large k', () => {
    const rows = fc.array(value, { minLength: 1, maxLength: 90 });
    fc.assert(
      fc.property(rows, fc.nat(), (values, seed) => {
        const k = seed % (values.length + 1);
        expect(read(topk(array(values), k).indices)).toEqual(descending(values).slice(0, k));
      }),
    );
  });
});
