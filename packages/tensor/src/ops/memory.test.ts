import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';

type Op = (inputs: readonly t.Tensor[]) => t.Tensor;

/** Ops whose gradients are made only where wanted, with inputs of several dtypes. */
const ops: readonly [name: string, shapes: readonly number[][], op: Op][] = [
  [
    'linearCrossEntropy',
    [[3, 4], [7, 4], [7]],
    ([h, w, bias]) => t.linearCrossEntropy(h!, w!, new Int32Array([1, -100, 6]), { bias: bias! }),
  ],
  ['linear', [[3, 4], [5, 4], [5]], ([x, w, bias]) => t.linear(x!, w!, { bias: bias! })],
  ['layerNorm', [[3, 4], [4], [4]], ([x, weight, bias]) => t.layerNorm(x!, { weight: weight!, bias: bias! })],
  ['rmsNorm', [[3, 4], [4]], ([x, weight]) => t.rmsNorm(x!, { weight: weight! })],
  [
    'attention',
    [[3, 2, 4], [3, 1, 4], [3, 1, 4], [2]],
    ([q, k, v, sinks]) => t.attention(q!, k!, v!, { layout: t.selfLayout(new Int32Array([0, 3])), sinks: sinks! }),
  ],
  ['crossEntropy', [[3, 5]], ([x]) => t.crossEntropy(x!, new Int32Array([0, -100, 4]))],
  [
    'gated',
    [
      [3, 4],
      [3, 4],
    ],
    ([gate, up]) => t.gated(gate!, up!),
  ],
  [
    'matmul',
    [
      [2, 3, 4],
      [4, 5],
    ],
    ([a, b]) => t.matmul(a!, b!),
  ],
  ['max', [[3, 4]], ([x]) => t.max(x!, { dims: 0 })],
  ['topk', [[3, 4]], ([x]) => t.topk(x!, 2).values],
  ['embedding', [[5, 4]], ([w]) => t.embedding(w!, new Int32Array([1, 1, 4]))],
];

describe.each(t.availableBackends())('memory of ops on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it.each(ops)('%s leaves nothing behind, whichever gradients are wanted', (_name, shapes, op) => {
    const inputs = shapes.map((shape, i) => t.normal(shape, { seed: i }));
    const everyChoice = () => {
      for (let wanted = 0; wanted < 2 ** inputs.length; wanted++) {
        const wrt = inputs.filter((_, i) => wanted & (1 << i));
        t.scope(() => {
          t.vjp(
            () => [op(inputs)],
            wrt,
            ([y]) => [t.onesLike(y!)],
          );
        });
      }
      const { tensors, liveBytes } = t.memory();
      return { tensors, liveBytes };
    };
    // The first round makes what is kept on purpose: the packed form of a weight, a backend's scratch memory.
    const once = everyChoice();
    expect(everyChoice()).toEqual(once);
  });
});
