import { join } from 'node:path';
import { batchFromSequences } from '@tessera-llm/layers';
import { open } from '@tessera-llm/models';
import { AdamW, createSchedule } from '@tessera-llm/optimizers';
import { availableBackends } from '@tessera-llm/tensor';
import {
  closeTo,
  dumpJson,
  dumpTensors,
  fixtureCase,
  fixturesDir,
  flushDump,
  type HostTensor,
  loadJson,
  loadSafetensors,
  maxAbs,
  subfolders,
  Unsupported,
} from '@tessera-llm/testing';
import { type MicroBatch, trainStep } from '@tessera-llm/training';
import { afterAll, describe, it } from 'vitest';
import { z } from 'zod';
import { onBackend } from './backends';

const folder = fixturesDir('training');
const expectedSchema = z.looseObject({
  steps: z.int(),
  grad_accum_steps: z.int(),
  optimizer: z.looseObject({
    name: z.string(),
    lr: z.number(),
    betas: z.tuple([z.number(), z.number()]),
    eps: z.number(),
    weight_decay: z.number(),
  }),
  max_grad_norm: z.number(),
  schedule: z.looseObject({ name: z.string(), warmup_steps: z.int(), total_steps: z.int() }),
  losses: z.array(z.number()),
  grad_norms_before_clip: z.array(z.number()),
  learning_rates: z.array(z.number()),
});

/** Micro-batch m of (steps · accum, batch, seqLen): the shift by one is the trainer's. */
function microBatch(ids: HostTensor, labels: HostTensor, m: number): MicroBatch {
  const [, rows, length] = ids.shape as [number, number, number];
  const at = m * rows * length;
  const rowsOf = (x: HostTensor) =>
    Array.from({ length: rows }, (_, r) => Int32Array.from(x.data.subarray(at + r * length, at + (r + 1) * length)));
  const targets = new Int32Array(rows * length).fill(-100);
  rowsOf(labels).forEach((row, r) => {
    targets.set(row.subarray(1), r * length);
  });
  return { ...batchFromSequences(rowsOf(ids)), labels: targets };
}

async function runCase(backend: string, name: string): Promise<void> {
  const path = join(folder ?? '', name);
  const expected = expectedSchema.parse(loadJson(join(path, 'expected.json')));
  const { optimizer: o, schedule } = expected;
  if (o.name !== 'adamw' || (schedule.name !== 'cosine' && schedule.name !== 'linear')) {
    throw new Unsupported(`${o.name} with ${schedule.name}`);
  }
  const { model } = await open(join(path, 'init'));
  const batches = loadSafetensors(join(path, 'batches.safetensors'));
  const [ids, labels] = [batches.input_ids, batches.labels];
  if (!ids || !labels) throw new Error('expected input_ids and labels in batches.safetensors');
  const all = [...model.namedParameters()];
  const settings = { lr: o.lr, betas: o.betas, eps: o.eps, weightDecay: o.weight_decay };
  const vectors = all.filter(([, p]) => p.rank < 2);
  const optimizer = new AdamW(
    [{ params: all.filter(([, p]) => p.rank >= 2) }, { params: vectors, weightDecay: 0 }],
    settings,
  );
  const factor = createSchedule({
    type: schedule.name,
    warmupSteps: schedule.warmup_steps,
    totalSteps: schedule.total_steps,
  });
  const losses: number[] = [];
  const gradNorms: number[] = [];
  const learningRates: number[] = [];
  for (let step = 0; step < expected.steps; step++) {
    const first = step * expected.grad_accum_steps;
    const micro = Array.from({ length: expected.grad_accum_steps }, (_, i) => microBatch(ids, labels, first + i));
    const result = await trainStep(model, micro, {
      optimizer,
      lrFactor: factor(step),
      clipNorm: expected.max_grad_norm,
    });
    losses.push(result.loss);
    gradNorms.push(result.gradNorm);
    learningRates.push(o.lr * factor(step));
  }
  const computed = { losses, grad_norms_before_clip: gradNorms, learning_rates: learningRates };
  dumpJson(backend, `training/${name}/expected.json`, { ...expected, ...computed });
  closeTo('losses', losses, expected.losses, { rtol: 1e-4, atol: 0 });
  closeTo('gradient norms', gradNorms, expected.grad_norms_before_clip, { rtol: 1e-3, atol: 0 });
  closeTo('learning rates', learningRates, expected.learning_rates, { rtol: 1e-12, atol: 0 });
  const final = loadSafetensors(join(path, 'final.safetensors'));
  const weights = model.namedParameters();
  for (const [key, want] of Object.entries(final)) {
    const got = weights.get(key);
    if (got === undefined) throw new Error(`the model has no parameter ${key}`);
    const data = Float32Array.from(await got.data());
    dumpTensors(backend, `training/${name}/final.safetensors`, {
      [key]: { shape: want.shape, dtype: 'float32', data },
    });
    closeTo(key, data, want.data, { rtol: 0, atol: 2e-3 * maxAbs(want.data) });
  }
  optimizer.dispose();
  model.dispose();
}

describe.skipIf(folder === null)('fixtures/training (skipped where the fixtures are absent)', () => {
  afterAll(flushDump);
  for (const backend of availableBackends()) {
    for (const name of subfolders(folder)) {
      it(`${backend}/${name}`, () =>
        fixtureCase('training', `${name} on ${backend}`, () => onBackend(backend, () => runCase(backend, name))));
    }
  }
});
