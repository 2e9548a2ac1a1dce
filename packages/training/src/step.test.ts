import { batchFromSequences, nextTokenTargets } from '@tessera-llm/layers';
import { AdamW, SGD } from '@tessera-llm/optimizers';
import { full, memory } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { Bigram } from './bigram.test-support';
import { type MicroBatch, trainStep } from './step';

function micro(...sequences: number[][]): MicroBatch {
  const batch = batchFromSequences(sequences);
  return { ...batch, labels: nextTokenTargets(batch) };
}

const plain = (model: Bigram) => new SGD(model.namedParameters(), { lr: 0.5 });

async function values(model: Bigram): Promise<number[][]> {
  return Promise.all(model.parameters().map(async (p) => [...(await p.data())]));
}

describe('trainStep', () => {
  it('gives unequal micro-batches the weight of their tokens, as one large batch does', async () => {
    const whole = new Bigram();
    const parts = new Bigram();
    const all = await trainStep(whole, [micro([1, 2, 3, 4, 5, 6], [7, 8], [9, 1, 2])], { optimizer: plain(whole) });
    const split = await trainStep(parts, [micro([1, 2, 3, 4, 5, 6]), micro([7, 8]), micro([9, 1, 2])], {
      optimizer: plain(parts),
    });
    expect(split.tokens).toBe(8);
    expect(split.loss).toBeCloseTo(all.loss, 6);
    expect(split.gradNorm).toBeCloseTo(all.gradNorm, 6);
    const want = await values(whole);
    (await values(parts)).forEach((row, p) => {
      row.forEach((x, i) => expect(x).toBeCloseTo(want[p]?.[i] ?? Number.NaN, 6));
    });
  });

  it('refuses options that there are not', async () => {
    const model = new Bigram();
    const optimizer = plain(model);
    for (const more of [{ clip: 3 }, { onNonFinite: 'ignore' }]) {
      const step = trainStep(model, [micro([1, 2])], { optimizer, ...more } as never);
      await expect(step).rejects.toMatchObject({ name: 'TrainingError', code: 'value' });
    }
  });

  it('leaves out what is ignored', async () => {
    const [a, b] = [new Bigram(), new Bigram()];
    const ignored = { ...micro([3, 4]), labels: new Int32Array([-100, -100]) };
    const one = await trainStep(a, [micro([1, 2])], { optimizer: plain(a) });
    const two = await trainStep(b, [ignored, micro([1, 2])], { optimizer: plain(b) });
    expect(two).toEqual(one);
    await expect(trainStep(a, [ignored], { optimizer: plain(a) })).rejects.toMatchObject({ code: 'data' });
  });

  it('trains the parameters that it is given, and says where there is none', async () => {
    const [all, one] = [new Bigram(), new Bigram()];
    const [name, parameter] = [...one.namedParameters()][0] ?? ['', undefined];
    if (parameter === undefined) throw new Error('no parameter');
    const parameters = new Map([[name, parameter]]);
    const optimizer = new SGD(parameters, { lr: 0.5 });
    await trainStep(all, [micro([1, 2, 3])], { optimizer: plain(all), clipNorm: null });
    await trainStep(one, [micro([1, 2, 3])], { optimizer, parameters, clipNorm: null });
    const [before, want, got] = [await values(new Bigram()), await values(all), await values(one)];
    expect(got).toEqual([want[0], ...before.slice(1)]);
    for (const p of one.parameters()) p.requiresGrad = false;
    await expect(trainStep(one, [micro([1, 2])], { optimizer })).rejects.toThrow('parameters: adapter.tensors');
  });

  it('clips by the global norm', async () => {
    const free = new Bigram();
    const clipped = new Bigram();
    const before = await values(free);
    const { gradNorm } = await trainStep(free, [micro([1, 2, 3])], { optimizer: plain(free), clipNorm: null });
    await trainStep(clipped, [micro([1, 2, 3])], { optimizer: plain(clipped), clipNorm: gradNorm / 4 });
    const [far, near] = [await values(free), await values(clipped)];
    before.flat().forEach((x, i) => {
      expect((near.flat()[i] ?? Number.NaN) - x).toBeCloseTo(((far.flat()[i] ?? Number.NaN) - x) / 4, 5);
    });
  });

  it('throws on a gradient that is not finite, or skips the step; nothing has changed then', async () => {
    const model = new Bigram();
    const optimizer = new AdamW(model.namedParameters(), { lr: 0.1 });
    await trainStep(model, [micro([1, 2, 3])], { optimizer });
    const before = [await values(model), JSON.stringify(optimizer.state().steps)];
    const { shape } = model.head.weight;
    const bad: MicroBatch = micro([4, 5]);
    // Infinite entries of the table make loss and gradient NaN.
    Object.defineProperty(model, 'head', { get: () => ({ weight: full([...shape], Number.POSITIVE_INFINITY) }) });
    await expect(trainStep(model, [bad], { optimizer })).rejects.toMatchObject({ code: 'non_finite' });
    const result = await trainStep(model, [bad], { optimizer, onNonFinite: 'skip' });
    expect(result.skipped).toBe(true);
    expect([await values(model), JSON.stringify(optimizer.state().steps)]).toEqual(before);
  });

  it('drops an aborted step and frees what it had made', async () => {
    const model = new Bigram();
    const optimizer = plain(model);
    const before = await values(model);
    const held = memory().tensors;
    const stop = new AbortController();
    const batches = [micro([1, 2, 3]), micro([4, 5, 6]), micro([7, 8])];
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(trainStep(model, batches, { optimizer, signal: stop.signal })).rejects.toThrow('enough');
    expect(await values(model)).toEqual(before);
    expect(memory().tensors).toBe(held);
  });

  it('leaves no tensor behind', async () => {
    const model = new Bigram();
    const optimizer = plain(model);
    const batches = [micro([1, 2, 3]), micro([4, 5, 6]), micro([7, 8])];
    await trainStep(model, batches, { optimizer });
    const held = memory().tensors;
    await trainStep(model, batches, { optimizer });
    expect(memory().tensors).toBe(held);
  });

  it('leaves parameters without requiresGrad as they are', async () => {
    const model = new Bigram();
    for (const p of model.embed.parameters()) p.requiresGrad = false;
    const [embed, out] = await values(model);
    await trainStep(model, [micro([1, 2, 3])], { optimizer: plain(model) });
    const after = await values(model);
    expect(after[0]).toEqual(embed);
    expect(after[1]).not.toEqual(out);
  });
});
