import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

describe.each(t.availableBackends())('losses on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const random = (shape: number[], seed: number) => t.normal(shape, { seed });
  const targets = new Int32Array([2, -100, 0]);

  it('crossEntropy: gradient by finite differences', () => {
    for (const reduction of ['mean', 'sum', 'none'] as const) {
      checkGradients(([x]) => t.crossEntropy(x!, targets, { reduction, labelSmoothing: 0.1 }), [random([3, 5], 1)]);
    }
    const weight = t.uniform([5], { seed: 8 });
    checkGradients(([x]) => t.crossEntropy(x!, targets, { weight, labelSmoothing: 0.2 }), [random([3, 5], 1)]);
  });

  it('linearCrossEntropy: gradient by finite differences', () => {
    const inputs = [random([3, 4], 1), random([7, 4], 2), random([7], 3)];
    const options = { labelSmoothing: 0.1, scale: 1.5, softcap: 3, temperature: 0.7 };
    checkGradients(([h, w, bias]) => t.linearCrossEntropy(h!, w!, targets, { ...options, bias: bias! }), inputs);
    checkGradients(([h, w]) => t.linearCrossEntropy(h!, w!, targets), inputs.slice(0, 2));
    checkGradients(([h, w]) => t.linearCrossEntropy(h!, w!, targets, { reduction: 'mean' }), inputs.slice(0, 2));
  });

  it('linearCrossEntropy agrees with crossEntropy of the logits, over several vocabulary chunks', () => {
    const h = random([5, 16], 1);
    const w = random([5000, 16], 2);
    const want = [0, 4999, -100, 17, 2048];
    const fused = t.linearCrossEntropy(h, w, Int32Array.from(want)).dataSync();
    const plain = t.crossEntropy(t.linear(h, w), Int32Array.from(want), { reduction: 'none' }).dataSync();
    fused.forEach((v, i) => expect(Math.abs(v - plain[i]!)).toBeLessThan(2e-5));
    expect(fused[2]).toBe(0);
  });

  it('a row has the same bits alone and among others', () => {
    const h = random([9, 32], 1);
    const w = random([300, 32], 2);
    const ids = Int32Array.from({ length: 9 }, (_, i) => i * 30);
    const whole = t.linearCrossEntropy(h, w, ids).dataSync();
    const alone = t.linearCrossEntropy(t.slice(h, [{ start: 4, stop: 5 }]), w, ids.slice(4, 5)).dataSync();
    expect(alone[0]).toBe(whole[4]);
  });

  it('linearCrossEntropy through a frozen projection: the same losses, and gradients of hidden rows', () => {
    const [hidden, weight, bias] = [random([200, 24], 5), random([130, 24], 6), random([130], 7)];
    const ids = Int32Array.from({ length: 200 }, (_, i) => (i % 7 === 3 ? -100 : i % 130));
    const upstream = random([200], 8);
    for (const options of [{}, { softcap: 3, temperature: 0.7, labelSmoothing: 0.1, scale: 0.5, bias }]) {
      const run = (wrt: t.Tensor[]) =>
        t.vjp(() => [t.linearCrossEntropy(hidden, weight, ids, options)], wrt, [upstream]);
      const [frozen, trained] = [run([hidden]), run([hidden, weight])];
      expect(frozen.value[0]?.dataSync()).toEqual(trained.value[0]?.dataSync());
      const want = trained.grads[0]?.dataSync() ?? [];
      frozen.grads[0]?.dataSync().forEach((v, i) => expect(v).toBeCloseTo(want[i] ?? Number.NaN, 4));
    }
  });

  it('linearCrossEntropy reduced: sum and mean of the losses, and the same gradients in one pass', () => {
    const all = [random([200, 24], 5), random([130, 24], 6), random([130], 7)] as const;
    const [hidden, weight, bias] = all;
    const ids = Int32Array.from({ length: 200 }, (_, i) => (i % 7 === 3 ? -100 : i % 130));
    const kept = ids.filter((id) => id !== -100).length;
    for (const [reduction, divisor] of [
      ['sum', 1],
      ['mean', kept],
    ] as const) {
      for (const wrt of [[hidden], [weight], [hidden, weight], [...all]]) {
        const options = { softcap: 3, temperature: 0.7, labelSmoothing: 0.1, bias };
        const one = t.valueAndGrad(() => t.linearCrossEntropy(hidden, weight, ids, { ...options, reduction }), wrt);
        const apart = t.valueAndGrad(
          () => t.div(t.sum(t.linearCrossEntropy(hidden, weight, ids, options)), divisor),
          wrt,
        );
        expect(one.value.dataSync()).toEqual(apart.value.dataSync());
        one.grads.forEach((g, i) => {
          const want = apart.grads[i]?.dataSync() ?? [];
          g.dataSync().forEach((v, at) => expect(v).toBeCloseTo(want[at] ?? Number.NaN, 4));
        });
      }
    }
    const untracked = t.linearCrossEntropy(hidden, weight, ids, { reduction: 'mean' });
    const rows = t.linearCrossEntropy(hidden, weight, ids);
    expect(untracked.dataSync()[0]).toBe(t.div(t.sum(rows), kept).dataSync()[0]);
  });

  it('linearCrossEntropy through a bfloat16 weight equals that through its values', () => {
    const weight = t.cast(random([90, 40], 6), 'bfloat16');
    const wide = t.cast(weight, 'float32');
    const [hidden, ids] = [random([7, 40], 5), Int32Array.from({ length: 7 }, (_, i) => i * 12)];
    for (const compute of ['float32', 'bfloat16'] as const) {
      const run = (w: t.Tensor) =>
        t.valueAndGrad(() => t.sum(t.linearCrossEntropy(hidden, w, ids, { compute, softcap: 9 })), [hidden]);
      const [got, want] = [run(weight), run(wide)];
      expect(got.value.dataSync()).toEqual(want.value.dataSync());
      expect(got.grads[0]?.dataSync()).toEqual(want.grads[0]?.dataSync());
    }
  });

  it('other losses: gradient by finite differences', () => {
    const p = () => t.softmax(random([3, 4], 5));
    checkGradients(([x]) => t.klDiv(t.logSoftmax(x!), p(), { reduction: 'batchmean' }), [random([3, 4], 1)]);
    checkGradients(([x]) => t.softCrossEntropy(x!, p()), [random([3, 4], 1)]);
    checkGradients(([x]) => t.bceWithLogits(x!, p()), [random([3, 4], 1)]);
    for (const loss of [t.mseLoss, t.l1Loss, t.smoothL1Loss]) {
      checkGradients(([x, y]) => loss(x!, y!), [random([3, 4], 1), random([3, 4], 2)]);
    }
    checkGradients(([x]) => t.nllLoss(t.logSoftmax(x!), new Int32Array([1, 0, 3])), [random([3, 4], 1)]);
  });

  it('the mean over no targets is NaN, and its gradients are 0', () => {
    const ids = new Int32Array([-100, -100]);
    const [x, w, bias, classes] = [random([2, 4], 1), random([5, 4], 2), random([5], 3), t.ones([4])];
    for (const [loss, wrt] of [
      [() => t.crossEntropy(x, ids), [x]],
      [() => t.crossEntropy(x, ids, { weight: classes }), [x]],
      [() => t.linearCrossEntropy(x, w, ids, { bias, reduction: 'mean' }), [x, w, bias]],
      [() => t.linearCrossEntropy(x, w, ids, { reduction: 'mean' }), [x]],
    ] as const) {
      const { value, grads } = t.valueAndGrad(loss, wrt);
      expect(value.dataSync()[0]).toBeNaN();
      for (const g of grads) for (const v of g.dataSync()) expect(Math.abs(v)).toBe(0);
    }
  });

  it('smoothL1Loss has a bounded gradient at an infinite difference', () => {
    const x = t.tensor([Number.POSITIVE_INFINITY, 0.25]);
    const [g] = t.grad(() => t.smoothL1Loss(x, t.zeros([2]), { reduction: 'sum' }), [x]);
    expect([...(g?.dataSync() ?? [])]).toEqual([1, 0.25]);
  });

  it('class weights leave masked classes and ignored rows alone, as in torch', () => {
    const weight = t.tensor([1, 1, 2]);
    const low = Number.NEGATIVE_INFINITY;
    const rest = [0.06002039, 0.16315234, -0.22317266];
    for (const [row, target, loss, first, second] of [
      [[1, low, 2], 0, 0.70949119, [-0.2436862, 0, 0.2436862], rest],
      // Class 0, where an ignored row looks, is masked.
      [[low, 1, 2], -100, 0.40760595, [0, 0, 0], [0.09003058, 0.24472849, -0.334759]],
    ] as const) {
      const x = t.tensor([row, [1, 2, 3]]);
      const { value, grads } = t.valueAndGrad(() => t.crossEntropy(x, new Int32Array([target, 2]), { weight }), [x]);
      expect(value.dataSync()[0]).toBeCloseTo(loss, 6);
      grads[0]!.dataSync().forEach((v, i) => expect(v).toBeCloseTo([...first, ...second][i]!, 6));
    }
  });

  it('class weights go with logits of 16 bits', () => {
    const values = [[1, 2, 0.5]];
    const at = (dtype: t.DType) =>
      t.crossEntropy(t.tensor(values, { dtype }), new Int32Array([1]), { weight: t.tensor([1, 2, 1], { dtype }) });
    expect(at('bfloat16').dataSync()).toEqual(at('float32').dataSync());
  });

  it('bceWithLogits keeps its digits where the logit is large and right', () => {
    // log(1 + e^-10), log(1 + e^-10), log(1 + e^-16), log 2; the gradients are σ(x) - z.
    const [x, z] = [t.tensor([10, -10, 16, 0]), t.tensor([1, 0, 1, 0.25])];
    const losses = t.bceWithLogits(x, z, { reduction: 'none' }).dataSync();
    const want = [4.5398899e-5, 4.5398899e-5, 1.12535168e-7, Math.LN2];
    losses.forEach((v, i) => expect(v / want[i]!).toBeCloseTo(1, 5));
    const slopes = [-4.5397869e-5, 4.5397869e-5, -1.12535162e-7, 0.25];
    const [g] = t.grad(() => t.bceWithLogits(x, z, { reduction: 'sum' }), [x]);
    g!.dataSync().forEach((v, i) => expect(v).toBeCloseTo(slopes[i]!, 7));
  });

  it('refuses targets outside the classes', () => {
    expect(() => t.crossEntropy(random([1, 3], 1), new Int32Array([3]))).toThrow('targets from 0 to 2');
    expect(() => t.linearCrossEntropy(random([1, 2], 1), random([3, 2], 1), new Int32Array([-1]))).toThrow('got -1');
    expect(() => t.nllLoss(random([1, 3], 1), new Int32Array([3]))).toThrow('targets from 0 to 2, got 3');
    const logits = random([2, 3], 1);
    expect(() => t.crossEntropy(logits, new Int32Array([0, 1, 2]))).toThrow('a target for each of 2 rows, got (3)');
  });

  it('refuses an ignoreIndex that would wrap to a class', () => {
    for (const ignoreIndex of [2 ** 32 + 1, Number.NaN, 0.5]) {
      const call = () => t.crossEntropy(random([1, 3], 1), new Int32Array([1]), { ignoreIndex });
      expect(call).toThrow(expect.objectContaining({ code: 'value' }));
    }
  });

  it('refuses settings that mean nothing', () => {
    const [h, w, ids] = [random([1, 2], 1), random([3, 2], 2), new Int32Array([0])];
    const refused = (options: t.LinearCrossEntropyOptions, text: string) =>
      expect(() => t.linearCrossEntropy(h, w, ids, options)).toThrow(text);
    refused({ labelSmoothing: 2 }, 'labelSmoothing from 0 to 1, got 2');
    refused({ softcap: 0 }, 'finite softcap > 0');
    refused({ softcap: -1 }, 'finite softcap > 0');
    refused({ scale: Number.NaN }, 'finite scale');
    refused({ temperature: 0 }, 'temperature > 0');
    refused({ reduction: 'average' as t.Reduction }, 'one of mean, none, sum, got average');
    expect(() => t.crossEntropy(h, ids, { labelSmoothing: -1 })).toThrow('labelSmoothing from 0 to 1, got -1');
  });
});
