import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

const ints = (values: number[], shape: number[]) => t.tensor(new Int32Array(values), { shape });

describe.each(t.availableBackends())('indexing ops on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const x = () => t.normal([3, 4], { seed: 2 });

  it('gather, scatter, scatterAdd: gradient by finite differences', () => {
    const index = ints([0, 2, 1, 3, 3, 0], [3, 2]);
    const src = t.normal([3, 2], { seed: 3 });
    checkGradients(([v]) => t.gather(v!, index, { dim: 1 }), [x()]);
    checkGradients(([v, s]) => t.scatterAdd(v!, index, { dim: 1, src: s! }), [x(), src]);
    checkGradients(([v, s]) => t.scatter(v!, index, { dim: 1, src: s! }), [x(), src]);
  });

  it('indexSelect, indexAdd, embedding, maskedFill: gradient by finite differences', () => {
    const index = ints([2, 0, 2], [3]);
    checkGradients(([v]) => t.indexSelect(v!, index, { dim: 1 }), [x()]);
    checkGradients(([v, s]) => t.indexAdd(v!, index, { dim: 0, src: s! }), [x(), t.normal([3, 4], { seed: 4 })]);
    checkGradients(([w]) => t.embedding(w!, new Int32Array([1, 1, 0])), [x()]);
    checkGradients(([v]) => t.maskedFill(v!, t.greater(x(), 0), -5), [x()]);
  });

  it('scatter writes the values themselves', () => {
    const y = t.scatter(t.full([3], 1e8), ints([1], [1]), { dim: 0, src: t.tensor([1.25]) });
    expect([...y.dataSync()]).toEqual([1e8, 1.25, 1e8]);
  });

  it('gives a padding row no gradient', () => {
    const w = x();
    const [g] = t.grad(() => t.sum(t.embedding(w, new Int32Array([0, 1]), { paddingIdx: 0 })), [w]);
    expect([...(g?.dataSync() ?? [])]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
  });

  it('a padding row counts from the end and takes no gradient, not even an infinite one', () => {
    const w = t.ones([3, 1]);
    const ids = new Int32Array([0, 1, 2]);
    const gy = t.tensor([[1], [2], [Number.POSITIVE_INFINITY]]);
    const { grads } = t.vjp(() => [t.embedding(w, ids, { paddingIdx: -1 })], [w], [gy]);
    expect([...grads[0]!.dataSync()]).toEqual([1, 2, 0]);
    for (const paddingIdx of [3, -4, 0.5]) expect(() => t.embedding(w, ids, { paddingIdx })).toThrow('from -3 to 2');
  });

  it('refuses ids outside the table', () => {
    expect(() => t.embedding(x(), new Int32Array([3]))).toThrow('ids from 0 to 2, got 3');
    expect(() => t.gather(x(), ints([9], [1, 1]), { dim: 1 })).toThrow(t.TensorError);
    expect(() => t.indexSelect(x(), ints([-1], [1]), { dim: 0 })).toThrow(t.TensorError);
    expect(() => t.indexSelect(x(), t.tensor([1]), { dim: 0 })).toThrow('int32');
    // Also where there are no entries.
    const none = t.zeros([0, 2]);
    expect(() => t.indexSelect(none, ints([2], [1]), { dim: 1 })).toThrow(t.TensorError);
    expect(() => t.indexAdd(none, ints([2], [1]), { dim: 1, src: t.zeros([0, 1]) })).toThrow(t.TensorError);
    expect(t.indexSelect(none, ints([1], [1]), { dim: 1 }).shape).toEqual([0, 1]);
  });

  it('casts with round-to-nearest-even and toward zero', () => {
    expect([...t.cast(t.tensor([1.9, -1.9]), 'int32').dataSync()]).toEqual([1, -1]);
    expect([...t.cast(t.tensor([1 + 2 ** -8, 1 + 3 * 2 ** -8]), 'bfloat16').dataSync()]).toEqual([1, 1 + 2 ** -6]);
    expect([...t.cast(t.tensor([0, 3]), 'bool').dataSync()]).toEqual([0, 1]);
    checkGradients(([v]) => t.cast(t.cast(v!, 'float32'), 'float32'), [x()]);
  });
});
