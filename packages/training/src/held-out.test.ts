import { batchFromSequences } from '@tessera-llm/layers';
import { memory, scope } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { Bigram } from './bigram.test-support';
import { heldOutLoss } from './held-out';

const model = new Bigram();
const documents = [
  { ids: [0, 3, 5, 1, 9, 2, 7], bytes: 20 },
  { ids: [0, 4, 4], bytes: 7 },
  { ids: [0], bytes: 0 },
];

/** -log p of each token after its predecessor, from whole logits. */
function nats(ids: readonly number[]): number {
  return scope(() => {
    const { vocabSize } = model;
    const logits = model.logits(model.hidden(batchFromSequences([ids]))).dataSync();
    let total = 0;
    for (let t = 0; t + 1 < ids.length; t++) {
      const row = [...logits.subarray(t * vocabSize, (t + 1) * vocabSize)].map(Number);
      const lse = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
      total += lse - (row[ids[t + 1] as number] ?? Number.NaN);
    }
    return total;
  });
}

describe('heldOutLoss', () => {
  it('scores every token but the first once, whatever the window', async () => {
    const want = nats(documents[0]?.ids ?? []) + nats(documents[1]?.ids ?? []);
    // The context of a bigram model is one token, so windows change nothing.
    for (const window of [1, 2, 3, 6, 7, 100]) {
      const got = await heldOutLoss(model, documents, { window, batchTokens: 5 });
      expect(got.tokens).toBe(8);
      expect(got.loss * got.tokens).toBeCloseTo(want, 4);
      expect(got.bitsPerByte).toBeCloseTo(want / Math.LN2 / 27, 5);
    }
  });

  it('gives the same bits however many tokens a pass takes', async () => {
    const texts = Array.from({ length: 40 }, (_, d) => ({
      ids: Array.from({ length: 2 + ((d * 7) % 30) }, (_, i) => (i * i + d) % 11),
      bytes: 10,
    }));
    const whole = await heldOutLoss(model, texts, { window: 8 });
    for (const batchTokens of [1, 9, 50, 300]) {
      expect(await heldOutLoss(model, texts, { window: 8, batchTokens })).toEqual(whole);
    }
  });

  it('leaves the mode of the model and no tensor behind', async () => {
    model.train();
    const held = memory().tensors;
    await heldOutLoss(model, documents, { window: 4 });
    expect(model.training).toBe(true);
    expect(memory().tensors).toBe(held);
    model.eval();
  });

  it('refuses texts with nothing to predict, and stops when told', async () => {
    await expect(heldOutLoss(model, [{ ids: [1], bytes: 4 }], { window: 4 })).rejects.toMatchObject({ code: 'data' });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(heldOutLoss(model, documents, { window: 4, signal })).rejects.toThrow('enough');
    const misspelled = { window: 4, batchToken: 8 };
    await expect(heldOutLoss(model, documents, misspelled)).rejects.toMatchObject({ code: 'value' });
    await expect(heldOutLoss(model, documents, { window: 0 })).rejects.toMatchObject({ code: 'value' });
  });
});
