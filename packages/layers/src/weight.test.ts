import { normal, quantize, scope } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { type Batch, CausalLMModule, Embedding, type Head, Linear, initializer } from './index';

/** A bigram model with a quantised table and head. */
async function bigram() {
  const weights = [
    await quantize(normal([12, 32], { seed: 1 }), 'Q8_0', { activations: 'float32' }),
    await quantize(normal([32, 32], { seed: 2 }), 'Q4_0', { activations: 'float32' }),
  ];
  const init = { ...initializer({ seed: 3 }), matrix: () => weights.shift() ?? normal([1, 1], { seed: 0 }) };
  class Bigram extends CausalLMModule {
    readonly embed = new Embedding(12, 32, { init });
    readonly inner = new Linear(32, 32, { init });
    constructor() {
      super({ vocabSize: 12, positionLimit: 9, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
    }
    get head(): Head {
      return { weight: this.embed.weight };
    }
    hidden(batch: Batch) {
      return this.inner.forward(this.embed.forward(batch.ids));
    }
  }
  return new Bigram();
}

describe('quantised weights in layers', () => {
  it('look rows up, project, and give logits and log-probabilities that agree', async () => {
    const model = await bigram();
    const batch = { ids: Int32Array.of(3, 11), offsets: Int32Array.of(0, 2), positions: Int32Array.of(0, 1) };
    const logits = scope(() => model.logits(model.hidden(batch))).dataSync();
    const logProbs = scope(() => model.logProbs(model.hidden(batch), Int32Array.of(5, 0))).dataSync();
    for (const [row, target] of [5, 0].entries()) {
      const values = Array.from(logits.subarray(12 * row, 12 * row + 12));
      const logSum = Math.log(values.reduce((sum, x) => sum + Math.exp(x), 0));
      expect(logProbs[row]).toBeCloseTo((values[target] ?? 0) - logSum, 4);
    }
  });

  it('are weights but not parameters, count as elements, and cannot be loaded into', async () => {
    const model = await bigram();
    expect([...model.namedWeights().keys()]).toEqual(['embed.weight', 'inner.weight', 'inner.bias']);
    expect([...model.namedParameters().keys()]).toEqual(['inner.bias']);
    expect(model.parameterCount()).toBe(12 * 32 + 32 * 32 + 32);
    const state = new Map([
      ['embed.weight', normal([12, 32], { seed: 1 })],
      ['inner.weight', normal([32, 32], { seed: 1 })],
      ['inner.bias', normal([32], { seed: 1 })],
    ]);
    expect(() => model.load(state)).toThrow(/quantised ones: embed\.weight, inner\.weight/);
    model.dispose();
    expect([...model.namedWeights().values()].every((weight) => weight.disposed)).toBe(true);
  });
});
