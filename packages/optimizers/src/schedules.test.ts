import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSchedule, type ScheduleConfig } from './schedules.js';

const span = { warmupSteps: 4, totalSteps: 20 };
const at = (config: ScheduleConfig, steps: readonly number[]) => steps.map(createSchedule(config));

describe('createSchedule', () => {
  it.each<[ScheduleConfig, readonly (readonly [number, number])[]]>([
    [
      { type: 'constant' },
      [
        [0, 1],
        [999, 1],
      ],
    ],
    [
      { type: 'constant_with_warmup', warmupSteps: 4 },
      [
        [0, 0],
        [1, 0.25],
        [4, 1],
        [99, 1],
      ],
    ],
    [
      { type: 'linear', ...span },
      [
        [0, 0],
        [2, 0.5],
        [4, 1],
        [12, 0.5],
        [20, 0],
        [30, 0],
      ],
    ],
    [
      { type: 'cosine', ...span },
      [
        [2, 0.5],
        [4, 1],
        [8, 0.5 + Math.SQRT1_2 / 2],
        [12, 0.5],
        [20, 0],
      ],
    ],
    [
      { type: 'cosine', ...span, numCycles: 1 },
      [
        [4, 1],
        [12, 0],
        [20, 1],
      ],
    ],
    [
      { type: 'cosine_with_restarts', ...span, numCycles: 2 },
      [
        [4, 1],
        [8, 0.5],
        [12, 1],
        [16, 0.5],
        [20, 0],
        [25, 0],
      ],
    ],
    [
      { type: 'cosine_with_min_lr', ...span, minLrRate: 0.2 },
      [
        [0, 0],
        [4, 1],
        [12, 0.6],
        [20, 0.2],
      ],
    ],
    [
      { type: 'cosine_with_min_lr', ...span, minLr: 0.1, lr: 0.5 },
      [
        [4, 1],
        [12, 0.6],
        [20, 0.2],
      ],
    ],
    [
      { type: 'cosine_warmup_with_min_lr', ...span, minLrRate: 0 },
      [
        [0, 0.25],
        [3, 1],
        [11, 0.5],
        [19, 0],
      ],
    ],
    [
      { type: 'polynomial', ...span, lr: 1, lrEnd: 0.2, power: 2 },
      [
        [4, 1],
        [12, 0.4],
        [20, 0.2],
        [99, 0.2],
      ],
    ],
    [
      { type: 'inverse_sqrt', warmupSteps: 4 },
      [
        [2, 0.5],
        [4, 1],
        [16, 0.5],
        [64, 0.25],
      ],
    ],
    [
      { type: 'warmup_stable_decay', ...span, decaySteps: 8, decayType: 'linear' },
      [
        [2, 0.5],
        [4, 1],
        [11, 1],
        [12, 1],
        [16, 0.5],
        [20, 0],
        [30, 0],
      ],
    ],
    [
      { type: 'warmup_stable_decay', decaySteps: 4, stableSteps: 2, decayType: '1-sqrt', minLrRatio: 0.5 },
      [
        [0, 1],
        [2, 1],
        [3, 0.75],
        [6, 0.5],
      ],
    ],
  ])('%o', (config, points) => {
    for (const [i, [, want]] of points.entries()) {
      expect(
        at(
          config,
          points.map(([step]) => step),
        )[i],
      ).toBeCloseTo(want, 12);
    }
  });

  it('stays in [0, 1] and never rises after warm-up, for the falling ones', () => {
    const own: Partial<Record<ScheduleConfig['type'], object>> = {
      linear: {},
      cosine: {},
      cosine_with_min_lr: { minLrRate: 0.1 },
      polynomial: { lr: 1 },
      inverse_sqrt: { totalSteps: undefined },
      warmup_stable_decay: { decaySteps: 5 },
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(own)),
        fc.nat(20),
        fc.integer({ min: 10, max: 200 }),
        (type, warmupSteps, rest) => {
          const totalSteps = warmupSteps + rest;
          const config = { type, warmupSteps, totalSteps, ...own[type as ScheduleConfig['type']] };
          const schedule = createSchedule(config as ScheduleConfig);
          for (let step = 0; step < totalSteps; step++) {
            const [now, next] = [schedule(step), schedule(step + 1)];
            expect(now >= 0 && now <= 1).toBe(true);
            if (step < warmupSteps) expect(next).toBeGreaterThan(now);
            else expect(next).toBeLessThanOrEqual(now);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each<[string, object, RegExp]>([
    ['an unknown name', { type: 'exponential' }, /got exponential/],
    ['a NaN length', { type: 'linear', totalSteps: Number.NaN }, /totalSteps to be a whole number >= 0, got NaN/],
    ['half a step', { type: 'linear', totalSteps: 9, warmupSteps: 0.5 }, /warmupSteps/],
    ['two floors', { type: 'cosine_with_min_lr', ...span, minLr: 1, minLrRate: 0.1, lr: 1 }, /got both/],
    ['an absolute floor without lr', { type: 'cosine_with_min_lr', ...span, minLr: 0.1 }, /lr to be/],
    ['an end above the start', { type: 'polynomial', ...span, lr: 1e-8 }, /lrEnd < lr/],
    ['more decay than steps', { type: 'warmup_stable_decay', ...span, decaySteps: 30 }, /stableSteps/],
    ['an unknown ramp', { type: 'warmup_stable_decay', ...span, decaySteps: 3, decayType: 'step' }, /decayType/],
  ])('refuses %s', (_, config, message) => {
    expect(() => createSchedule(config as ScheduleConfig)).toThrow(message);
    expect(() => createSchedule(config as ScheduleConfig)).toThrow(
      expect.objectContaining({ code: 'invalid_setting' }),
    );
  });

  it.each<[object | null, string]>([
    [{ type: 'linear', totalSteps: 10, warmup: 3 }, 'got warmup'],
    [{ type: 'constant', warmupSteps: 3 }, 'got warmupSteps'],
    [{ type: 'cosine', ...span, minLrRate: 0.1 }, 'got minLrRate'],
    [{ type: 'toString' }, 'by its transformers name'],
    [null, 'as an object, got null'],
  ])('refuses fields that the schedule does not have: %j', (config, message) => {
    expect(() => createSchedule(config as ScheduleConfig)).toThrow(
      expect.objectContaining({ code: 'invalid_setting', message: expect.stringContaining(message) }),
    );
  });

  it('takes fields of undefined for absent', () => {
    const floor = { minLrRate: undefined, minLr: 0.1, lr: 1 };
    const config = { type: 'cosine_with_min_lr', ...span, ...floor } as unknown as ScheduleConfig;
    expect(at(config, [20])).toEqual([0.1]);
  });

  it('refuses a step that is none', () => {
    expect(() => createSchedule({ type: 'constant' })(-1)).toThrow(/step to be a whole number/);
  });
});
