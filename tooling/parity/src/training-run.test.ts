import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
import { createModel, save } from '@tessera-llm/models';
import { AdamW, createSchedule } from '@tessera-llm/optimizers';
import { availableBackends } from '@tessera-llm/tensor';
import { CheckpointStore, readLog, train } from '@tessera-llm/training';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { onBackend } from './backends';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-run-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const source = tokensFromArrays(
  Array.from({ length: 12 }, (_, d) => Array.from({ length: 40 }, (_, i) => (i * (d + 3) + d * d) % 61)),
  { vocabSize: 61 },
);

/** A run with everything that has to come back: dropout, moments, schedule, data position, accumulation. */
function parts(name: string) {
  const model = createModel(
    {
      model_type: 'gpt2',
      vocab_size: 61,
      n_positions: 32,
      n_embd: 16,
      n_layer: 2,
      n_head: 2,
      resid_pdrop: 0.1,
      embd_pdrop: 0.1,
      attn_pdrop: 0.1,
    },
    { seed: 3 },
  );
  const optimizer = new AdamW(model.namedParameters(), { lr: 5e-3 });
  const options = {
    model,
    optimizer,
    loader: new TokenLoader(source, { batchSize: 2, seqLen: 16, seed: 5 }),
    schedule: createSchedule({ type: 'cosine', warmupSteps: 5, totalSteps: 100 }),
    steps: 100,
    gradAccumSteps: 2,
    seed: 8,
    log: join(folder, `${name}.jsonl`),
    checkpoints: {
      store: new CheckpointStore(join(folder, name)),
      every: 30,
      saveModel: (at: string) => save(at, { model }),
    },
  };
  return { model, optimizer, options };
}

async function bytesOf({ model, optimizer }: ReturnType<typeof parts>): Promise<string[]> {
  const { steps, tensors } = optimizer.state();
  const all = [...model.namedParameters(), ...Object.entries(tensors)];
  const hex = await Promise.all(
    all.map(async ([name, x]) => `${name} ${Buffer.from(await x.bytes()).toString('hex')}`),
  );
  return [...hex, JSON.stringify(steps)];
}

const logOf = async (file: string) => (await readLog(file)).map(({ clock: _clock, ...rest }) => rest);

describe('a run that is stopped at step 50 and resumed', () => {
  it.each(availableBackends())(
    'equals the uninterrupted one in every bit of weights, optimizer state and log (%s)',
    (backend) =>
      onBackend(backend, async () => {
        const whole = parts('whole');
        await train(whole.options);
        const stop = new AbortController();
        const stopped = await train({
          ...parts('parts').options,
          signal: stop.signal,
          onStep: ({ step }) => {
            if (step === 50) stop.abort();
          },
        });
        expect(stopped).toMatchObject({ step: 50, stopped: true });
        const second = parts('parts');
        expect(await train(second.options)).toMatchObject({ step: 100, stopped: false });
        expect(await bytesOf(second)).toEqual(await bytesOf(whole));
        expect(await logOf(second.options.log)).toEqual(await logOf(whole.options.log));
      }),
  );
});

describe('1,000 training steps in a process of their own', () => {
  it('leave tensors, live bytes and resident memory flat', async () => {
    const script = fileURLToPath(new URL('memory-run.mjs', import.meta.url));
    // What V8 and malloc keep for later would hide a leak, or be one: spaces of one size, one collector, one arena, and
    // no compilers, whose code and working memory come and go by a megabyte whenever the machine finds time for them. The
    // reference backend can't do without, so it warms up for longer and of ten samples the least counts.
    const native = availableBackends().includes('native');
    const steady = ['--expose-gc', '--min-semi-space-size=4', '--max-semi-space-size=4', '--single-threaded-gc'];
    const interpreted = native ? ['--no-opt', '--no-maglev', '--no-sparkplug', '--no-flush-bytecode'] : [];
    const args = [...steady, ...interpreted, script, native ? '500' : '2000'];
    const env = { ...process.env, MALLOC_ARENA_MAX: '1' };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    const schema = z.object({ tensors: z.array(z.number()), liveBytes: z.array(z.number()), rss: z.array(z.number()) });
    const { tensors, liveBytes, rss } = schema.parse(JSON.parse(stdout));
    expect(rss.length).toBeGreaterThan(50);
    expect(new Set(tensors).size).toBe(1);
    expect(new Set(liveBytes).size).toBe(1);
    expect(totalRise(native ? rss : floors(rss))).toBeLessThan(0.01);
  });
});

/** The least of every ten values. */
function floors(values: readonly number[]): number[] {
  return Array.from({ length: Math.floor(values.length / 10) }, (_, i) =>
    Math.min(...values.slice(10 * i, 10 * i + 10)),
  );
}

/** By how much a line fitted to the values rises from its first to its last point, as a part of their mean. */
function totalRise(values: readonly number[]): number {
  const n = values.length;
  const centre = (n - 1) / 2;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const slope =
    values.reduce((s, v, i) => s + (i - centre) * (v - mean), 0) / values.reduce((s, _, i) => s + (i - centre) ** 2, 0);
  return (slope * (n - 1)) / mean;
}
