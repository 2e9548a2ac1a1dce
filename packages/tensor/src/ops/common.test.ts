import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import * as ops from './index';

/** The code of the TensorError that fn throws. */
function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    if (error instanceof t.TensorError) return error.code;
    throw error;
  }
  return 'none';
}

describe.each(t.availableBackends())('arguments of ops on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const x = () => t.ones([2, 4]);
  const whole = (length: number) => t.tensor(new Int32Array(length));
  // What code without types can pass.
  const nothing = null as unknown as t.Tensor;
  const list = [1, 2] as unknown as t.Tensor;

  it('must be tensors', () => {
    for (const call of [
      () => t.linear(x(), nothing),
      () => t.matmul(x(), list),
      () => t.softmax(nothing),
      () => t.layerNorm(list),
      () => t.gated(x(), nothing),
    ]) {
      expect(codeOf(call)).toBe('value');
    }
    expect(() => t.linear(x(), nothing)).toThrow('[linear] expected weight to be a Tensor, got null');
    expect(() => t.matmul(x(), list)).toThrow('expected b to be a Tensor, got an array');
  });

  const functions = Object.entries<(...args: never[]) => unknown>(ops);
  it.each(functions)('%s: its first is refused by a typed error if it is no tensor', (name, op) => {
    for (const wrong of [undefined, null, 'x', {}, [1, 2], new Float32Array(2)]) {
      expect(
        codeOf(() => op(...([wrong, x(), x(), {}] as never[]))),
        `${name}(${String(wrong)})`,
      ).not.toBe('none');
    }
  });

  it('must be listed, returned and named as tensors where gradients are asked for', () => {
    const y = x();
    for (const call of [
      () => t.grad(() => undefined as never, [y]),
      () => t.grad(() => 3 as never, [y]),
      () => t.grad(() => t.sum(y), y as never),
      () => t.grad(() => t.sum(y), [undefined as never]),
      () => t.vjp(() => t.sum(y) as never, [y], [t.ones([])]),
      () => t.vjp(() => [t.sum(y)], [y], [1 as never]),
      () => t.concat(y as never),
      () => t.stack([]),
      () => t.sumSquares([nothing]),
      () => t.embedding(y, [0, 1] as never),
      () => t.parameter(list),
      () => t.detach(nothing),
      () => t.zerosLike(nothing),
      () => t.share(nothing),
      () => t.keep(nothing),
      () => t.tensor(null as never),
      () => t.tensor({} as never),
    ]) {
      expect(codeOf(call)).toBe('value');
    }
    expect(() => t.grad(() => undefined as never, [y])).toThrow(
      '[grad] expected what the function returns to be a Tensor, got undefined',
    );
  });

  it('must be floats where they are weights', () => {
    const targets = new Int32Array([0, 1]);
    for (const call of [
      () => t.linear(x(), t.ones([3, 4]), { bias: whole(3) }),
      () => t.layerNorm(x(), { weight: whole(4) }),
      () => t.layerNorm(x(), { bias: whole(4) }),
      () => t.rmsNorm(x(), { weight: whole(4) }),
      () => t.crossEntropy(x(), targets, { weight: whole(4) }),
      () => t.linearCrossEntropy(x(), t.cast(t.ones([3, 4]), 'int32'), targets),
      () => t.linearCrossEntropy(x(), t.ones([3, 4]), targets, { bias: whole(3) }),
      () => t.cast(x(), 'float64' as t.DType),
      () => t.zeros([2], { dtype: 'float64' as t.DType }),
      () => t.tensor([1], { dtype: 'int64' as t.DType }),
    ]) {
      expect(codeOf(call)).toBe('dtype');
    }
  });

  it('must name what there is', () => {
    const experts = { gateUp: t.ones([3, 2, 4]), down: t.ones([3, 4, 1]) };
    const moe = (options: object) => t.moe(x(), t.ones([2, 3]), experts, { numExpertsPerTok: 2, ...options });
    for (const call of [
      () => t.gated(x(), x(), { activation: 'swish' as t.GateFn }),
      () => moe({ activation: 'swish' }),
      () => moe({ scoringFunc: 'argmax' }),
      () => moe({ topkMethod: 'greedy' }),
      () => moe({ compute: 'float16' }),
      () => t.linear(x(), t.ones([3, 4]), { compute: 'float16' as t.Compute }),
      () => t.mseLoss(x(), x(), { reduction: 'average' as t.Reduction }),
    ]) {
      expect(codeOf(call)).toBe('value');
    }
  });
});

it('setThreads takes 1 to 256', () => {
  for (const count of [0, 257, 1.5, Number.NaN]) expect(codeOf(() => t.setThreads(count))).toBe('value');
});
