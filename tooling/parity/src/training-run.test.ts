import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
import { createModel } from '@tessera-llm/models';
import { AdamW, createSchedule } from '@tessera-llm/optimizers';
import { memory } from '@tessera-llm/tensor';
import { CheckpointStore, RunLog, readLog, train } from '@tessera-llm/training';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A full collection, so that what is measured is what lives, not what waits for the collector. */
function collectGarbage(): void {
  setFlagsFromString('--expose_gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc === 'function') gc();
}

const source = tokensFromArrays(
  Array.from({ length: 12 }, (_, d) => Array.from({ length: 40 }, (_, i) => (i * (d + 3) + d * d) % 61)),
  { vocabSize: 61 },
);

function parts(steps: number) {
  const model = createModel(
    {
      model_type: 'llama',
      vocab_size: 61,
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      max_position_embeddings: 32,
    },
    { seed: 3 },
  );
  const optimizer = new AdamW(model.namedParameters(), { lr: 5e-3 });
  const loader = new TokenLoader(source, { batchSize: 2, seqLen: 16, seed: 5 });
  const schedule = createSchedule({ type: 'cosine', warmupSteps: 5, totalSteps: steps });
  return { model, optimizer, loader, schedule, steps, gradAccumSteps: 2 };
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-run-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytesOf = async (p: ReturnType<typeof parts>): Promise<string[]> => {
  const { steps, tensors } = p.optimizer.state();
  const all = [...p.model.namedParameters(), ...Object.entries(tensors)];
  const hex = await Promise.all(
    all.map(async ([name, x]) => `${name} ${Buffer.from(await x.bytes()).toString('hex')}`),
  );
  return [...hex, JSON.stringify(steps)];
};

const logOf = async (file: string) => (await readLog(file)).map(({ clock: _clock, ...rest }) => rest);

describe('a run that is stopped and resumed', () => {
  it('equals the uninterrupted one in every bit of weights, optimizer state and log', async () => {
    const whole = parts(20);
    const wholeLog = await RunLog.create(join(folder, 'whole.jsonl'));
    await train({ ...whole, log: wholeLog });
    await wholeLog.close();

    const file = join(folder, 'log.jsonl');
    const store = new CheckpointStore(join(folder, 'checkpoints'));
    const first = parts(20);
    const stop = new AbortController();
    const firstLog = await RunLog.create(file);
    const stopped = await train({
      ...first,
      log: firstLog,
      checkpoints: { store, every: 7 },
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === 11) stop.abort();
      },
    });
    await firstLog.close();
    expect(stopped).toMatchObject({ step: 11, stopped: true });

    const second = parts(20);
    const secondLog = await RunLog.resume(file, (await store.steps()).at(-1) ?? 0);
    const resumed = await train({ ...second, log: secondLog, checkpoints: { store, every: 7 } });
    await secondLog.close();
    expect(resumed).toMatchObject({ step: 20, stopped: false });
    expect(await bytesOf(second)).toEqual(await bytesOf(whole));
    expect(await logOf(file)).toEqual(await logOf(join(folder, 'whole.jsonl')));
    expect((await readFile(file, 'utf8')).split('\n').length).toBe(21);
  });
});

describe('1,000 training steps', () => {
  it('leave live tensors and bytes as they were after the first', async () => {
    const p = parts(1000);
    let early = { tensors: 0, liveBytes: 0 };
    const held: number[] = [];
    await train({
      ...p,
      gradAccumSteps: 1,
      onStep: ({ step }) => {
        // What an earlier test left behind is gone once the collection at step 200 has been followed up.
        if (step === 240) early = memory();
        if (step < 200 || step % 40 !== 0) return;
        collectGarbage();
        const { heapUsed, external } = process.memoryUsage();
        held.push(heapUsed + external);
      },
    });
    const late = memory();
    expect(late.tensors).toBe(early.tensors);
    expect(late.liveBytes).toBe(early.liveBytes);
    // A line fitted to what the process holds rises by under 2% in total.
    const n = held.length;
    const centre = (n - 1) / 2;
    const mean = held.reduce((a, b) => a + b, 0) / n;
    const slope =
      held.reduce((s, r, i) => s + (i - centre) * (r - mean), 0) / held.reduce((s, _, i) => s + (i - centre) ** 2, 0);
    expect((slope * n) / mean).toBeLessThan(0.02);
  });
});
