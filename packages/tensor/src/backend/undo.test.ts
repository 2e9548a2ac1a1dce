import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelsOf } from '../state';
import * as t from '../index';

const layout = t.selfLayout(new Int32Array([0, 2]));

/** Calls that fail in a kernel, which has allocated its result by then, or a part of it. */
const calls: readonly [name: string, code: string, make: () => { call: () => unknown; held: t.Tensor[] }][] = [
  [
    'indexSelect',
    'index_out_of_range',
    () => {
      const [x, ids] = [t.ones([4, 3]), t.tensor(Int32Array.of(0, 4))];
      return { call: () => t.indexSelect(x, ids, { dim: 0 }), held: [x, ids] };
    },
  ],
  [
    'indexSelect in the middle',
    'index_out_of_range',
    () => {
      const [x, ids] = [t.ones([2, 4, 3]), t.tensor(Int32Array.of(-1))];
      return { call: () => t.indexSelect(x, ids, { dim: 1 }), held: [x, ids] };
    },
  ],
  [
    'gather',
    'index_out_of_range',
    () => {
      const [x, ids] = [t.ones([4, 3]), t.tensor(Int32Array.of(0, 9, 1), { shape: [1, 3] })];
      return { call: () => t.gather(x, ids, { dim: 0 }), held: [x, ids] };
    },
  ],
  [
    'scatterAdd',
    'index_out_of_range',
    () => {
      const [x, src, ids] = [t.ones([4, 3]), t.ones([1, 3]), t.tensor(Int32Array.of(0, 9, 1), { shape: [1, 3] })];
      return { call: () => t.scatterAdd(x, ids, { dim: 0, src }), held: [x, src, ids] };
    },
  ],
  [
    'embedding',
    'index_out_of_range',
    () => {
      const [table, ids] = [t.ones([4, 3]), t.tensor(Int32Array.of(0, 4))];
      return { call: () => t.scope(() => t.embedding(table, ids)), held: [table, ids] };
    },
  ],
  [
    'crossEntropy',
    'index_out_of_range',
    () => {
      const [logits, targets] = [t.ones([2, 3]), t.tensor(Int32Array.of(0, 3))];
      return { call: () => t.scope(() => t.crossEntropy(logits, targets)), held: [logits, targets] };
    },
  ],
  [
    'linearCrossEntropy',
    'index_out_of_range',
    () => {
      const [x, w, targets] = [t.ones([2, 3]), t.ones([5, 3]), t.tensor(Int32Array.of(0, 5))];
      return { call: () => t.scope(() => t.linearCrossEntropy(x, w, targets)), held: [x, w, targets] };
    },
  ],
  [
    'moe',
    'index_out_of_range',
    () => {
      const [x, index, weights] = [t.ones([1, 4]), t.tensor(Int32Array.of(0, 3), { shape: [1, 2] }), t.ones([1, 2])];
      const experts = { gateUp: t.ones([3, 4, 4]), gateUpBias: null, down: t.ones([3, 4, 2]), downBias: null };
      const attrs = { activation: 'silu', compute: 'float32' } as const;
      return {
        call: () => kernelsOf(x.backend).moe(x, index, weights, experts, attrs),
        held: [x, index, weights, experts.gateUp, experts.down],
      };
    },
  ],
  [
    'a freed operand',
    'disposed',
    () => {
      const [q, k] = [t.ones([2, 1, 4]), t.ones([2, 1, 4])];
      k.dispose();
      const attrs = { layout, causal: true, window: null, softcap: null, scale: 1, compute: 'float32' } as const;
      return { call: () => kernelsOf(q.backend).attention(q, k, k, null, attrs), held: [q] };
    },
  ],
];

describe.each(t.availableBackends())('errors on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it.each(calls)('leave no memory behind: %s', (_name, code, make) => {
    const { call, held } = make();
    // The first call may make room for host arrays, which stays.
    expect(call).toThrow(expect.objectContaining({ code }));
    const live = t.memory();
    for (let i = 0; i < 2; i++) expect(call).toThrow(expect.objectContaining({ code }));
    expect(t.memory()).toMatchObject({ liveBytes: live.liveBytes, tensors: live.tensors });
    // The operands are as they were, and the next call frees nothing of theirs.
    for (const x of held) expect(x.dataSync().length).toBe(x.size);
    for (const x of held) x.dispose();
  });
});
