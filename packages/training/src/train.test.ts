import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
import { AdamW, createSchedule } from '@tessera-llm/optimizers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bigram } from './bigram.test-support';
import { CheckpointStore } from './checkpoint-store';
import { readLog } from './log';
import { type TrainOptions, train } from './train';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-train-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const source = tokensFromArrays(
  Array.from({ length: 5 }, (_, d) => Array.from({ length: 30 }, (_, i) => (i * (d + 2)) % 11)),
  { vocabSize: 11 },
);

/** A run whose every part takes part in what is to come back: dropout, moments, schedule, data position. */
function run(name: string, seed = 1) {
  const model = new Bigram({ dropout: 0.2, seed });
  const optimizer = new AdamW(model.namedParameters(), { lr: 0.05 });
  const options: TrainOptions & { log: string } = {
    model,
    optimizer,
    loader: new TokenLoader(source, { batchSize: 2, seqLen: 7, seed: 4 }),
    schedule: createSchedule({ type: 'linear', warmupSteps: 3, totalSteps: 20 }),
    steps: 20,
    gradAccumSteps: 2,
    seed: 9,
    log: join(folder, `${name}.jsonl`),
    checkpoints: { store: new CheckpointStore(join(folder, name)), every: 6 },
    evaluate: { every: 5, run: async (step) => ({ loss: 10 - step }) },
  };
  return { model, optimizer, options };
}

async function stateOf({ model, optimizer }: ReturnType<typeof run>): Promise<string> {
  const { steps, tensors } = optimizer.state();
  const all = [...model.namedParameters(), ...Object.entries(tensors)];
  const hex = await Promise.all(all.map(async ([n, x]) => [n, Buffer.from(await x.bytes()).toString('hex')]));
  return JSON.stringify([steps, hex]);
}

const logOf = async (name: string) =>
  (await readLog(join(folder, `${name}.jsonl`))).map(({ clock: _clock, ...rest }) => rest);

describe('train', () => {
  it('logs every step, evaluates and saves at its turns and at the end', async () => {
    const whole = run('whole');
    const saved: number[] = [];
    const result = await train({ ...whole.options, onCheckpoint: (step) => void saved.push(step) });
    expect(result).toMatchObject({ step: 20, stopped: false, tokens: 20 * 28 });
    expect(saved).toEqual([6, 12, 18, 20]);
    expect(await readdir(join(folder, 'whole'))).toEqual(['step-00000018', 'step-00000020']);
    const log = await readLog(whole.options.log);
    expect(log.filter((r) => r.type === 'step').map((r) => r.step)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    expect(log.filter((r) => r.type === 'eval').map((r) => [r.step, r.loss])).toEqual([
      [5, 5],
      [10, 0],
      [15, -5],
      [20, -10],
    ]);
    expect(result.loss).toBe(log.filter((r) => r.type === 'step').at(-1)?.loss);
    expect(result.loss).toBeLessThan(Number(log[0]?.loss));
  });

  it.each([1, 6, 10, 13, 19])('stopped after step %i and resumed equals the uninterrupted run', async (at) => {
    const whole = run('whole');
    await train(whole.options);
    const stop = new AbortController();
    const first = await train({
      ...run('parts').options,
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === at) stop.abort();
      },
    });
    expect(first).toMatchObject({ step: at, stopped: true });
    const second = run('parts', 77);
    expect(await train(second.options)).toMatchObject({ step: 20, stopped: false });
    expect(await stateOf(second)).toBe(await stateOf(whole));
    expect(await logOf('parts')).toEqual(await logOf('whole'));
  });

  it('resumes after a crash from the checkpoint before it, and cuts the log back', async () => {
    const whole = run('whole');
    await train(whole.options);
    const crash = run('parts');
    const dying = train({
      ...crash.options,
      onStep: ({ step }) => {
        if (step === 15) throw new Error('power cut');
      },
    });
    await expect(dying).rejects.toThrow('power cut');
    const second = run('parts');
    await train(second.options);
    expect(await stateOf(second)).toBe(await stateOf(whole));
    expect(await logOf('parts')).toEqual(await logOf('whole'));
  });

  it('makes up an evaluation that was stopped', async () => {
    await train(run('whole').options);
    const stop = new AbortController();
    const { options } = run('parts');
    const evaluate = {
      every: 5,
      run: async () => {
        stop.abort(new Error('stopped'));
        throw stop.signal.reason;
      },
    };
    expect(await train({ ...options, evaluate, signal: stop.signal })).toMatchObject({ step: 5, stopped: true });
    await train(run('parts').options);
    expect(await logOf('parts')).toEqual(await logOf('whole'));
  });

  it('stops where it is told to, with the schedule of the whole run', async () => {
    const whole = run('whole');
    await train(whole.options);
    expect(await train({ ...run('parts').options, stopAfter: 8 })).toMatchObject({ step: 8, stopped: true });
    const second = run('parts');
    await train(second.options);
    expect(await stateOf(second)).toBe(await stateOf(whole));
    expect(await logOf('parts')).toEqual(await logOf('whole'));
  });

  it('keeps the best checkpoint', async () => {
    const { options } = run('best');
    const store = new CheckpointStore(join(folder, 'best'), { keep: 1 });
    const losses: Record<number, number> = { 5: 3, 10: 1, 15: 2, 20: 4 };
    const result = await train({
      ...options,
      checkpoints: { store, every: 6, keepBest: 'loss' },
      evaluate: { every: 5, run: async (step) => ({ loss: losses[step] ?? 0 }) },
    });
    expect(result.best).toEqual({ step: 10, value: 1 });
    expect(await store.steps()).toEqual([10, 20]);
  });

  it('takes NaN for no best, and resumes after it', async () => {
    const { options } = run('best');
    const losses: Record<number, number> = { 5: Number.NaN, 10: 3, 15: Number.NEGATIVE_INFINITY, 20: 2 };
    const measuring = {
      checkpoints: { store: new CheckpointStore(join(folder, 'best')), every: 5, keepBest: 'loss' },
      evaluate: { every: 5, run: async (step: number) => ({ loss: losses[step] ?? 0 }) },
    };
    expect((await train({ ...options, ...measuring, stopAfter: 5 })).best).toBe(null);
    expect((await train({ ...run('best').options, ...measuring, stopAfter: 15 })).best).toEqual({ step: 10, value: 3 });
    expect((await train({ ...run('best').options, ...measuring })).best).toEqual({ step: 20, value: 2 });
  });

  it('does nothing more for a run at its end', async () => {
    await train(run('whole').options);
    const log = await logOf('whole');
    expect(await train(run('whole').options)).toMatchObject({ step: 20, loss: null, stopped: false });
    expect(await logOf('whole')).toEqual(log);
  });
});

describe('bad checkpoints', () => {
  const newest = () => join(folder, 'bad', 'step-00000020');

  it.each([
    ['cut weights', () => truncate(join(newest(), 'model.safetensors'), 100)],
    ['cut moments', () => truncate(join(newest(), 'optimizer', 'model.safetensors'), 100)],
    ['foreign JSON', () => writeFile(join(newest(), 'training.json'), '{}')],
  ])('%s are refused by name, and the earlier one stays', async (_, damage) => {
    await train(run('bad').options);
    await damage();
    await expect(train(run('bad').options)).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringContaining('step-00000020'),
    });
    expect(await readdir(join(folder, 'bad'))).toContain('step-00000018');
  });

  it('of another model or seed are refused', async () => {
    await train(run('bad').options);
    const model = new Bigram({ vocabSize: 12 });
    const optimizer = new AdamW(model.namedParameters(), { lr: 0.05 });
    await expect(train({ ...run('bad').options, model, optimizer })).rejects.toThrow(
      /expected \(12, 6\), got \(11, 6\)/,
    );
    await expect(train({ ...run('bad').options, seed: 10 })).rejects.toThrow(/seed 9.*got 10/);
  });
});

it('names settings that are wrong', async () => {
  const { options } = run('x');
  const finite = new TokenLoader(source, { batchSize: 2, seqLen: 7, seed: 4, epochs: 1 });
  const checkpoints = { store: new CheckpointStore(folder), every: 6 };
  for (const more of [
    { gradAccumulation: 4 },
    { lrFactor: 2 },
    { onNonFinite: 'ignore' },
    { checkpoints: { ...checkpoints, keepbest: 'loss' } },
  ]) {
    await expect(train({ ...options, ...more } as TrainOptions)).rejects.toMatchObject({ code: 'value' });
  }
  expect(() => new CheckpointStore(folder, { kept: 3 } as never)).toThrow(/among keep, got kept/);
  await expect(train({ ...options, steps: 0 })).rejects.toMatchObject({ code: 'value' });
  await expect(train({ ...options, gradAccumSteps: 1.5 })).rejects.toMatchObject({ code: 'value' });
  await expect(train({ ...options, loader: finite })).rejects.toMatchObject({ code: 'data' });
});
