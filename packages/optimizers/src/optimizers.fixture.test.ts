import { join } from 'node:path';
import {
  closeTo,
  dumping,
  dumpJson,
  dumpTensors,
  fixtureCase,
  fixturesDir,
  flushDump,
  loadJson,
  loadSafetensors,
  type Tolerance,
  Unsupported,
} from '@tessera-llm/testing';
import { availableBackends, scope, setBackend, type Tensor, tensor } from '@tessera-llm/tensor';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { z } from 'zod';
import {
  clipCoefficient,
  clipGradNorm,
  clipGradValue,
  createOptimizer,
  createSchedule,
  Ema,
  newtonSchulz,
  type ScheduleConfig,
} from './index.js';
import { scheduleFields } from './schedule-fields.js';
import { camelKeys, optimizerTypeOf } from './fixture-names.test-support.js';

const tolerance = z.object({ rtol: z.number(), atol: z.number() });
const settings = z.record(z.string(), z.json());
const trajectoriesSchema = z.object({
  steps: z.int(),
  optimizers: z.array(
    z.object({
      case: z.string(),
      settings,
      source: z.string(),
      params: z.array(z.string()),
      state: z.array(z.string()),
      tol: tolerance,
    }),
  ),
  clipping: z.array(
    z.object({
      case: z.string(),
      fn: z.string(),
      max_norm: z.number().optional(),
      norm_type: z.union([z.number(), z.literal('Infinity')]).optional(),
      total_norm: z.number().optional(),
      clip_value: z.number().optional(),
    }),
  ),
  ema: z.array(z.object({ case: z.string(), decay: z.number(), warmup: z.boolean() })),
});
const schedulesSchema = z.looseObject({
  tol: tolerance,
  cases: z.array(
    z.looseObject({
      name: z.string(),
      kwargs: settings,
      base_lr: z.number(),
      num_warmup_steps: z.int(),
      num_training_steps: z.int(),
      lr: z.array(z.number()),
    }),
  ),
});

/** Clipping and averages have no tolerance of their own: float32 arithmetic against values made in float64. */
const float32: Tolerance = { rtol: 1e-5, atol: 1e-7 };

const folder = fixturesDir('optim');
const dumpFile = join('optim', 'trajectories.safetensors');

describe.skipIf(folder === null)('fixtures/optim (skipped where the fixtures are absent)', () => {
  const at = (file: string) => join(folder ?? '', file);
  const file = folder === null ? undefined : trajectoriesSchema.parse(loadJson(at('trajectories.json')));
  const values = folder === null ? {} : loadSafetensors(at('trajectories.safetensors'));
  afterAll(flushDump);

  /** A row of a recorded value, or all of it. */
  function want(key: string, row?: number): { data: Float32Array; shape: readonly number[] } {
    const found = values[key];
    if (!found) throw new Error(`the fixture has no ${key}`);
    const data = Float32Array.from(found.data);
    if (row === undefined) return { data, shape: found.shape };
    const shape = found.shape.slice(1);
    const size = shape.reduce((a, b) => a * b, 1);
    return { data: data.slice(row * size, (row + 1) * size), shape };
  }
  const make = (key: string, row?: number): Tensor => {
    const { data, shape } = want(key, row);
    return tensor(data, { shape });
  };
  const named = (names: readonly string[], prefix: string, row?: number) =>
    Object.fromEntries(names.map((name) => [name, make(`${prefix}.${name}`, row)]));

  describe.each(availableBackends())('on %s', (backend) => {
    beforeAll(() => setBackend(backend));

    const compare = (key: string, got: Float32Array, tol: Tolerance) => {
      const { data, shape } = want(key);
      dumpTensors(backend, dumpFile, { [key]: { shape, dtype: 'float32', data: got } });
      closeTo(key, got, data, tol);
    };

    for (const c of file?.optimizers ?? []) {
      it(c.case, () =>
        fixtureCase('optim', `${c.case} on ${backend}`, () => {
          const type = optimizerTypeOf(c.source);
          if (type === undefined && 'ns_steps' in c.settings) {
            const { nsCoefficients, nsSteps, eps } = z
              .object({
                nsCoefficients: z.tuple([z.number(), z.number(), z.number()]),
                nsSteps: z.int(),
                eps: z.number(),
              })
              .parse(camelKeys(c.settings));
            const got = newtonSchulz(make(`${c.case}.g`), { coefficients: nsCoefficients, steps: nsSteps, eps });
            return compare(`${c.case}.o`, got.dataSync() as Float32Array, c.tol);
          }
          if (type === undefined) throw new Unsupported(`no optimizer for ${c.source}`);
          const params = named(c.params, 'init');
          const { groups, ...rest } = c.settings;
          const grouped = z
            .array(z.looseObject({ params: z.array(z.string()) }))
            .optional()
            .parse(groups);
          const optimizer = createOptimizer(
            type,
            grouped?.map(({ params: names, ...own }) => ({
              ...camelKeys(own),
              params: Object.fromEntries(names.map((name) => [name, params[name] as Tensor])),
            })) ?? params,
            camelKeys(rest),
          );
          const path = new Map(c.params.map((name) => [name, [...want(`init.${name}`).data]]));
          for (let i = 0; i < (file?.steps ?? 0); i++) {
            scope(() => optimizer.step(named(c.params, 'grads', i)));
            for (const name of c.params) path.get(name)?.push(...(params[name]?.dataSync() ?? []));
          }
          for (const name of c.params) compare(`${c.case}.${name}`, Float32Array.from(path.get(name) ?? []), c.tol);
          const state = optimizer.state().tensors;
          for (const key of c.state)
            compare(`${c.case}.state.${key}`, Float32Array.from(state[key]?.dataSync() ?? []), c.tol);
          optimizer.dispose();
        }),
      );
    }

    for (const c of file?.clipping ?? []) {
      it(`${c.case}: ${c.fn} ${c.max_norm ?? c.clip_value} ${c.norm_type ?? ''}`, () =>
        fixtureCase('optim', `${c.case} on ${backend}`, () => {
          const names = Object.keys(values)
            .filter((key) => key.startsWith(`${c.case}.in.`))
            .map((key) => key.slice(`${c.case}.in.`.length));
          const grads = named(names, `${c.case}.in`);
          if (c.fn === 'clip_grad_value_') clipGradValue(grads, c.clip_value ?? Number.NaN);
          else {
            const options = { maxNorm: c.max_norm ?? Number.NaN, normType: Number(c.norm_type) };
            const { norm } = clipCoefficient(grads, options);
            const inPlace = clipGradNorm(grads, options);
            for (const got of [norm, inPlace])
              closeTo('total_norm', got.dataSync(), [c.total_norm ?? Number.NaN], float32);
          }
          for (const name of names) compare(`${c.case}.out.${name}`, grads[name]?.dataSync() as Float32Array, float32);
        }));
    }

    for (const c of file?.ema ?? []) {
      it(`${c.case}`, () =>
        fixtureCase('optim', `${c.case} on ${backend}`, () => {
          const names = Object.keys(values)
            .filter((key) => key.startsWith(`${c.case}.`))
            .map((key) => key.slice(c.case.length + 1));
          const params = named(names, 'adamw', 0);
          const ema = new Ema(params, { decay: c.decay, warmup: c.warmup });
          const path = new Map(names.map((name) => [name, [...(ema.averages.get(name)?.dataSync() ?? [])]]));
          for (let t = 1; t <= (file?.steps ?? 0); t++) {
            ema.update(named(names, 'adamw', t));
            for (const name of names) path.get(name)?.push(...(ema.averages.get(name)?.dataSync() ?? []));
          }
          for (const name of names) compare(`${c.case}.${name}`, Float32Array.from(path.get(name) ?? []), float32);
          ema.dispose();
        }));
    }
  });

  const scheduleFile = folder === null ? undefined : schedulesSchema.parse(loadJson(at('schedules.json')));
  const computed = scheduleFile?.cases.map((c) => {
    const lr: number[] = [];
    const title = `${c.name} ${JSON.stringify(c.kwargs)} warm-up ${c.num_warmup_steps}`;
    it(title, () =>
      fixtureCase('optim', title, () => {
        const schedule = createSchedule(scheduleConfig(c));
        lr.push(...c.lr.map((_, step) => c.base_lr * schedule(step)));
        closeTo(c.name, lr, c.lr, scheduleFile.tol);
      }),
    );
    return { ...c, lr };
  });
  afterAll(() => {
    if (dumping())
      for (const backend of availableBackends())
        dumpJson(backend, join('optim', 'schedules.json'), { ...scheduleFile, cases: computed });
  });
});

function scheduleConfig(c: z.infer<typeof schedulesSchema>['cases'][number]): ScheduleConfig {
  const { num_decay_steps, num_stable_steps, ...kwargs } = c.kwargs;
  // transformers gives all of these to every schedule; ours takes what it reads.
  const fields = scheduleFields(c.name as ScheduleConfig['type']) ?? [];
  const run = { lr: c.base_lr, warmupSteps: c.num_warmup_steps, totalSteps: c.num_training_steps };
  const config = {
    type: c.name,
    ...Object.fromEntries(Object.entries(run).filter(([key]) => fields.includes(key))),
    ...(num_decay_steps !== undefined && { decaySteps: num_decay_steps }),
    ...(num_stable_steps !== undefined && { stableSteps: num_stable_steps }),
    ...camelKeys(kwargs),
  };
  // createSchedule checks every field.
  return config as ScheduleConfig;
}
