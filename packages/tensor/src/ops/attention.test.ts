import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';

describe.each(t.availableBackends())('attention on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const layout = t.selfLayout(new Int32Array([0, 2]));
  const qkv = () => [t.ones([2, 1, 4]), t.ones([2, 1, 4]), t.ones([2, 1, 4])] as const;

  it('takes sinks of any float dtype', () => {
    // Scores are 2: the weights of one and of two keys beside a sink of 0.5.
    const one = 1 / (1 + Math.exp(-1.5));
    const two = 2 / (2 + Math.exp(-1.5));
    for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
      const sinks = t.tensor([0.5], { dtype });
      const { value, grads } = t.vjp(
        () => [t.attention(...qkv(), { layout, sinks })],
        [sinks],
        ([y]) => [t.onesLike(y as t.Tensor)],
      );
      const y = value[0]?.dataSync() ?? [];
      [one, one, one, one, two, two, two, two].forEach((want, i) => expect(y[i]).toBeCloseTo(want, 5));
      expect(grads[0]?.dataSync()[0]).toBeCloseTo(-4 * (one * (1 - one) + two * (1 - two)), 2);
    }
    expect(() => t.attention(...qkv(), { layout, sinks: t.tensor(new Int32Array([1])) })).toThrow('float dtype');
  });

  it('gives 0 where every score is -Infinity', () => {
    const [q, k, v] = qkv();
    const low = t.full([2, 1, 4], Number.NEGATIVE_INFINITY);
    expect([...t.attention(q, low, v, { layout }).dataSync()]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...t.attention(q, k, v, { layout }).dataSync()]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('refuses layouts and settings that mean nothing', () => {
    const refused = (options: Partial<t.AttentionOptions>, text: string) =>
      expect(() => t.attention(...qkv(), { layout, ...options })).toThrow(text);
    refused({ layout: { ...layout, queryStarts: new Int32Array([-5]) } }, 'segment 0 starts at position -5');
    refused({ layout: { ...layout, pageSize: 64.5 } }, 'page size of 1 row or more, got 64.5');
    refused({ layout: { ...layout, pageSize: Number.POSITIVE_INFINITY } }, 'got Infinity');
    refused({ softcap: 0 }, 'finite softcap > 0');
    refused({ softcap: Number.POSITIVE_INFINITY }, 'finite softcap > 0');
    refused({ scale: Number.NaN }, '[attention] expected a finite scale, got NaN');
    const x = t.ones([1, 1, 2, 4]);
    expect(() => t.scaledDotProductAttention(x, x, x, { scale: Number.NaN })).toThrow('finite scale');
    refused({ compute: 'int8' as t.Compute }, 'compute to be one of float32, bfloat16, got int8');
  });
});
