import type { ScheduleConfig } from './schedules.js';

type Type = ScheduleConfig['type'];
/** The names of the fields of every member of a union, not only of those that all have. */
type FieldsOf<T> = T extends T ? Exclude<keyof T, 'type'> : never;
type Fields = { readonly [T in Type]: Readonly<Record<FieldsOf<Extract<ScheduleConfig, { type: T }>>, true>> };

const warmup = { warmupSteps: true } as const;
const span = { ...warmup, totalSteps: true } as const;
const waves = { ...span, numCycles: true } as const;
const floor = { ...waves, minLrRate: true, minLr: true, lr: true } as const;

const fields: Fields = {
  constant: {},
  constant_with_warmup: warmup,
  linear: span,
  cosine: waves,
  cosine_with_restarts: waves,
  cosine_with_min_lr: floor,
  cosine_warmup_with_min_lr: { ...floor, warmupLrRate: true },
  polynomial: { ...span, lr: true, lrEnd: true, power: true },
  inverse_sqrt: { ...warmup, timescale: true },
  warmup_stable_decay: {
    ...{ ...waves, decaySteps: true, stableSteps: true },
    ...{ warmupType: true, decayType: true, minLrRatio: true },
  },
};

/**
 * The fields that a schedule may have, `type` first; undefined for a type that there is not. `lr` is among them for every
 * type: it is the rate that the factor is of, though only some need it.
 */
export function scheduleFields(type: Type): readonly string[] | undefined {
  return Object.hasOwn(fields, type) ? ['type', 'lr', ...Object.keys(fields[type])] : undefined;
}
