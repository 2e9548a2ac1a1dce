import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

describe.each(t.availableBackends())('shape ops on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const x = () => t.normal([2, 3, 4], { seed: 5 });

  it.each<[string, (v: t.Tensor) => t.Tensor]>([
    ['permute', (v) => t.permute(v, [2, 0, 1])],
    ['transpose', (v) => t.transpose(v, 0, 2)],
    ['slice with steps', (v) => t.slice(v, [null, { start: -1, stop: 0, step: -1 }, { step: 2 }])],
    ['leading slice', (v) => t.slice(v, [{ start: 1 }])],
    ['broadcastTo', (v) => t.broadcastTo(t.unsqueeze(v, 0), [2, 2, 3, 4])],
    ['concat', (v) => t.concat([v, t.mul(v, 2)], { dim: 1 })],
    ['stack', (v) => t.stack([v, t.mul(v, 3)], { dim: 2 })],
    ['pad', (v) => t.pad(v, { before: [0, 1, 0], after: [1, 0, 2], value: 3 })],
    ['flip', (v) => t.flip(v, { dims: [0, 2] })],
    ['roll', (v) => t.roll(v, { shift: -3, dim: 1 })],
    ['repeat', (v) => t.repeat(v, [2, 1, 2, 1])],
    ['repeatInterleave', (v) => t.repeatInterleave(v, { repeats: 2, dim: 1 })],
    ['tril', (v) => t.tril(v, { diagonal: -1 })],
    ['triu', (v) => t.triu(v)],
    ['flatten', (v) => t.flatten(v, 1)],
    ['split', (v) => t.concat(t.split(v, [1, 3], { dim: 2 }).reverse(), { dim: 2 })],
  ])('%s: gradient by finite differences', (_name, fn) => {
    checkGradients(([v]) => fn(v!), [x()]);
  });

  it('permuting back gives the tensor back, for any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), (order) => {
        const v = x();
        const back = order.map((_, i) => order.indexOf(i));
        expect(t.permute(t.permute(v, order), back).dataSync()).toEqual(v.dataSync());
      }),
    );
  });

  it('reshapes with one free extent and says what does not fit', () => {
    expect(t.reshape(t.zeros([2, 6]), [3, -1]).shape).toEqual([3, 4]);
    expect(t.reshape(t.zeros([0, 3]), [3, 0]).shape).toEqual([3, 0]);
    expect(() => t.reshape(t.zeros([4]), [3, -1])).toThrow('4 elements');
    expect(() => t.permute(t.zeros([2, 2]), [0, 0])).toThrow('each of 2 axes once');
    expect(() => t.permute(t.zeros([2, 2]), [0, 1, 1])).toThrow('each of 2 axes once');
    expect(() => t.concat([t.zeros([2, 2]), t.zeros([3, 3])])).toThrow('equal but for axis 0');
    expect(() => t.squeeze(t.zeros([2]), 0)).toThrow('extent 1');
    expect(() => t.split(t.zeros([5]), [2, 2])).toThrow('add up to 5');
  });

  it('refuses counts that are no counts', () => {
    const v = t.ones([1]);
    for (const n of [1.5, -1, Number.NaN]) {
      expect(() => t.repeatInterleave(v, { repeats: n, dim: 0 })).toThrow(`non-negative integer of repeats, got ${n}`);
      expect(() => t.pad(v, { before: [n], after: [0] })).toThrow(`[pad] expected a shape of non-negative integers`);
      expect(() => t.pad(v, { before: [0], after: [n] })).toThrow(`[pad] expected a shape of non-negative integers`);
      expect(() => t.broadcastTo(v, [n])).toThrow(
        `[broadcastTo] expected a shape of non-negative integers, got (${n})`,
      );
    }
    expect(() => t.pad(v, { before: [1, 1], after: [0] })).toThrow('1 entries in before and after, got 2 and 1');
    expect(t.repeatInterleave(v, { repeats: 0, dim: 0 }).shape).toEqual([0]);
    expect(t.broadcastTo(v, [2, 0]).shape).toEqual([2, 0]);
  });
});
