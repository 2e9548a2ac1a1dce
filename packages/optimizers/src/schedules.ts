import { checkKnown, checkSetting, OptimizerError, ranges } from './errors.js';
import { scheduleFields } from './schedule-fields.js';

/** The factor of the learning rate at step `step` (0 for the first update): lr(step) = lr * schedule(step). */
export type Schedule = (step: number) => number;

interface Warmup {
  /** Steps of linear warm-up from 0, at whose end the factor is 1. Default 0. */
  readonly warmupSteps?: number;
}

interface Span extends Warmup {
  /** Steps of the whole run, warm-up included. */
  readonly totalSteps: number;
}

/** The lower end of a cosine: as a part of the learning rate, or absolute beside the learning rate itself. */
type Floor = { readonly minLrRate: number } | { readonly minLr: number; readonly lr: number };

/**
 * Shapes of a ramp of {@link createSchedule}'s `warmup_stable_decay`, over its progress x from 0 to 1. Upwards: x,
 * (1 - cos(pi x)) / 2, 1 - sqrt(1 - x). Downwards: 1 - x, (1 + cos(2 pi c x)) / 2 with c = `numCycles`, 1 - sqrt(x).
 */
export type RampShape = 'linear' | 'cosine' | '1-sqrt';

/**
 * A learning-rate schedule, as plain JSON. Names and formulas are those of transformers'
 * `get_scheduler`; see {@link createSchedule}.
 */
export type ScheduleConfig =
  | { readonly type: 'constant' }
  | ({ readonly type: 'constant_with_warmup' } & Warmup)
  | ({ readonly type: 'linear' } & Span)
  | ({ readonly type: 'cosine' /** Waves; default 0.5, down to 0 once. */; readonly numCycles?: number } & Span)
  | ({ readonly type: 'cosine_with_restarts' /** Descents; default 1. */; readonly numCycles?: number } & Span)
  | ({ readonly type: 'cosine_with_min_lr'; readonly numCycles?: number } & Span & Floor)
  | ({
      readonly type: 'cosine_warmup_with_min_lr';
      readonly numCycles?: number;
      /** Factor of the first step; default 1 / warmupSteps. */
      readonly warmupLrRate?: number;
    } & Span &
      Floor)
  | ({
      readonly type: 'polynomial';
      /** The learning rate that the factor will multiply; needed because `lrEnd` is absolute. */
      readonly lr: number;
      /** Default 1e-7. */
      readonly lrEnd?: number;
      /** Default 1. */
      readonly power?: number;
    } & Span)
  | ({
      readonly type: 'inverse_sqrt';
      /** Default: the warm-up steps, or 10,000 without warm-up. */
      readonly timescale?: number;
    } & Warmup)
  | ({
      readonly type: 'warmup_stable_decay';
      /** Steps of decay at the end. */
      readonly decaySteps: number;
      /** Steps at the full rate; default: what is left of `totalSteps`. */
      readonly stableSteps?: number;
      /** Needed without `stableSteps`. */
      readonly totalSteps?: number;
      /** Default `'linear'`. */
      readonly warmupType?: RampShape;
      /** Default `'cosine'`. */
      readonly decayType?: RampShape;
      /** The factor at the lower end of both ramps, and after the last; default 0. */
      readonly minLrRatio?: number;
      /** Waves of a cosine decay; default 0.5. */
      readonly numCycles?: number;
    } & Warmup);

const op = 'createSchedule';

/**
 * Makes a learning-rate schedule: a pure function of the step.
 *
 * With w warm-up steps, T steps in all and progress x = (step - w) / (T - w):
 *
 * - `constant`: 1; `constant_with_warmup`: step / w, then 1
 * - `linear`: max(0, 1 - x)
 * - `cosine`: (1 + cos(2 pi c x)) / 2 with c = `numCycles`; it rises again past the end, and before it if c > 0.5
 * - `cosine_with_restarts`: (1 + cos(pi (c x mod 1))) / 2, and 0 from the end on
 * - `cosine_with_min_lr`: cosine scaled into [m, 1], m = `minLrRate` or `minLr` / `lr`; `cosine_warmup_with_min_lr`:
 *   the same one step earlier, with a warm-up that starts above 0
 * - `polynomial`: (lr - lrEnd) (1 - x)^power + lrEnd, relative to lr, and lrEnd after the end
 * - `inverse_sqrt`: sqrt(timescale / (step + timescale - w))
 * - `warmup_stable_decay`: a ramp up, 1, a ramp down (Hu et al. 2024, arXiv:2404.06395), then `minLrRatio`
 *
 * All but `constant` and `cosine_warmup_with_min_lr` are 0 at step 0 if there is a warm-up (`warmup_stable_decay`:
 * `minLrRatio`), as in transformers: the first update changes nothing.
 *
 * @returns The factor of the learning rate; throws `invalid_setting` for a step that is not a whole number >= 0.
 * @throws OptimizerError `invalid_setting` for an unknown type, counts that are not whole numbers, rates that are not
 * finite, fields that the schedule does not have, both or none of `minLrRate` and `minLr`, and `lrEnd` >= `lr`.
 *
 * @example
 * ```ts
 * import { createSchedule } from '@tessera-llm/optimizers';
 *
 * const schedule = createSchedule({ type: 'cosine', warmupSteps: 10, totalSteps: 110 });
 * console.log(schedule(0), schedule(10), schedule(60), schedule(110)); // 0 1 0.5 0
 * ```
 */
export function createSchedule(config: ScheduleConfig): Schedule {
  // Whether an object comes first, then which fields its type has.
  checkKnown(op, 'a schedule', config, scheduleFields(config?.type) ?? Object.keys(config ?? {}));
  const curve = curveOf(config);
  return (step) => {
    checkSetting(op, 'step', step, ranges.whole);
    return curve(step);
  };
}

function curveOf(config: ScheduleConfig): Schedule {
  switch (config.type) {
    case 'constant':
      return () => 1;
    case 'constant_with_warmup':
      return warmed(config, () => 1);
    case 'linear': {
      const { total, length } = span(config);
      return warmed(config, (step) => Math.max(0, (total - step) / length));
    }
    case 'cosine':
      return cosine(config, 0);
    case 'cosine_with_min_lr':
      return cosine(config, floorRate(config));
    case 'cosine_warmup_with_min_lr':
      return cosineFromFirstStep(config);
    case 'cosine_with_restarts':
      return restarts(config);
    case 'polynomial':
      return polynomial(config);
    case 'inverse_sqrt':
      return inverseSqrt(config);
    case 'warmup_stable_decay':
      return warmupStableDecay(config);
    default: {
      const { type }: { type: unknown } = config;
      throw new OptimizerError(
        'invalid_setting',
        `[${op}] expected a schedule by its transformers name, got ${String(type)}`,
      );
    }
  }
}

type Of<T extends ScheduleConfig['type']> = Extract<ScheduleConfig, { type: T }>;

function warmupOf({ warmupSteps = 0 }: Warmup): number {
  checkSetting(op, 'warmupSteps', warmupSteps, ranges.whole);
  return warmupSteps;
}

/** Linear warm-up, then the curve. */
function warmed(config: Warmup, curve: Schedule): Schedule {
  const warmup = warmupOf(config);
  return (step) => (step < warmup ? step / warmup : curve(step));
}

function span(config: Span): { warmup: number; total: number; length: number } {
  const warmup = warmupOf(config);
  checkSetting(op, 'totalSteps', config.totalSteps, ranges.whole);
  return { warmup, total: config.totalSteps, length: Math.max(1, config.totalSteps - warmup) };
}

function wave(cycles: number, progress: number, floor: number): number {
  return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * cycles * 2 * progress)) * (1 - floor) + floor);
}

function cosine(config: Span & { readonly numCycles?: number }, floor: number): Schedule {
  const { numCycles = 0.5 } = config;
  checkSetting(op, 'numCycles', numCycles, ranges.nonNegative);
  const { warmup, length } = span(config);
  return warmed(config, (step) => wave(numCycles, (step - warmup) / length, floor));
}

function cosineFromFirstStep(config: Of<'cosine_warmup_with_min_lr'>): Schedule {
  const { numCycles = 0.5, warmupLrRate } = config;
  checkSetting(op, 'numCycles', numCycles, ranges.nonNegative);
  if (warmupLrRate !== undefined) checkSetting(op, 'warmupLrRate', warmupLrRate, ranges.unit);
  const floor = floorRate(config);
  const { warmup, length } = span(config);
  return (step) => {
    if (step >= warmup) return wave(numCycles, (step - warmup + 1) / length, floor);
    if (warmupLrRate === undefined) return (step + 1) / warmup;
    return warmupLrRate + ((1 - warmupLrRate) * step) / Math.max(1, warmup - 1);
  };
}

function restarts(config: Of<'cosine_with_restarts'>): Schedule {
  const { numCycles = 1 } = config;
  checkSetting(op, 'numCycles', numCycles, ranges.nonNegative);
  const { warmup, length } = span(config);
  return warmed(config, (step) => {
    const progress = (step - warmup) / length;
    return progress >= 1 ? 0 : 0.5 * (1 + Math.cos(Math.PI * ((numCycles * progress) % 1)));
  });
}

function polynomial(config: Of<'polynomial'>): Schedule {
  const { lr, lrEnd = 1e-7, power = 1 } = config;
  checkSetting(op, 'lr', lr, ranges.positive);
  checkSetting(op, 'lrEnd', lrEnd, ranges.nonNegative);
  checkSetting(op, 'power', power, ranges.positive);
  if (lrEnd >= lr) throw new OptimizerError('invalid_setting', `[${op}] expected lrEnd < lr, got ${lrEnd} and ${lr}`);
  const { warmup, total, length } = span(config);
  return warmed(config, (step) => {
    if (step > total) return lrEnd / lr;
    return ((lr - lrEnd) * (1 - (step - warmup) / length) ** power + lrEnd) / lr;
  });
}

function inverseSqrt(config: Of<'inverse_sqrt'>): Schedule {
  const warmup = warmupOf(config);
  const timescale = config.timescale ?? (warmup || 10_000);
  checkSetting(op, 'timescale', timescale, ranges.positive);
  return warmed(config, (step) => 1 / Math.sqrt((step + timescale - warmup) / timescale));
}

function warmupStableDecay(config: Of<'warmup_stable_decay'>): Schedule {
  const {
    decaySteps,
    totalSteps,
    warmupType = 'linear',
    decayType = 'cosine',
    minLrRatio = 0,
    numCycles = 0.5,
  } = config;
  const warmup = warmupOf(config);
  checkSetting(op, 'decaySteps', decaySteps, ranges.whole);
  checkSetting(op, 'minLrRatio', minLrRatio, ranges.unit);
  checkSetting(op, 'numCycles', numCycles, ranges.nonNegative);
  const stable = config.stableSteps ?? (totalSteps ?? Number.NaN) - warmup - decaySteps;
  checkSetting(op, 'stableSteps (or totalSteps - warmupSteps - decaySteps)', stable, ranges.whole);
  const up = ramp('warmupType', warmupType, 0.5);
  const down = ramp('decayType', decayType, numCycles);
  const scale = (factor: number) => Math.max(0, factor * (1 - minLrRatio) + minLrRatio);
  return (step) => {
    if (step < warmup) return scale(up.rise(step / warmup));
    if (step < warmup + stable) return 1;
    if (step < warmup + stable + decaySteps) return scale(down.fall((step - warmup - stable) / decaySteps));
    return minLrRatio;
  };
}

/** A ramp over x from 0 to 1, upwards and downwards; the two directions of 1-sqrt are no mirror images. */
function ramp(
  name: string,
  shape: RampShape,
  cycles: number,
): { rise: (x: number) => number; fall: (x: number) => number } {
  switch (shape) {
    case 'linear':
      return { rise: (x) => x, fall: (x) => 1 - x };
    case 'cosine':
      return {
        rise: (x) => 0.5 * (1 - Math.cos(Math.PI * x)),
        fall: (x) => 0.5 * (1 + Math.cos(Math.PI * cycles * 2 * x)),
      };
    case '1-sqrt':
      return { rise: (x) => 1 - Math.sqrt(1 - x), fall: (x) => 1 - Math.sqrt(x) };
    default:
      throw new OptimizerError(
        'invalid_setting',
        `[${op}] expected ${name} to be 'linear', 'cosine' or '1-sqrt', got ${String(shape)}`,
      );
  }
}

function floorRate(config: Floor): number {
  if ('minLrRate' in config && config.minLrRate !== undefined) {
    if ('minLr' in config && config.minLr !== undefined)
      throw new OptimizerError('invalid_setting', `[${op}] expected minLrRate or minLr, got both`);
    checkSetting(op, 'minLrRate', config.minLrRate, ranges.unit);
    return config.minLrRate;
  }
  const { lr, minLr } = config as Extract<Floor, { minLr: number }>;
  checkSetting(op, 'lr', lr, ranges.positive);
  checkSetting(op, 'minLr', minLr, ranges.nonNegative);
  return minLr / lr;
}
