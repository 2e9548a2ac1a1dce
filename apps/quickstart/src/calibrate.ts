import { type BatchLoader, trainStep } from '@tessera-llm/training';
import { type LanguageModel, makeOptimizer } from './language-model.js';
import type { Preset } from './options.js';

/** Steps that are not timed: code that isn't compiled yet, memory that isn't reserved. */
const warmUpSteps = 3;
const timedSteps = 9;

/** How many steps fit into the preset's time, by timing a few on a model that is thrown away afterwards. */
export async function calibrateSteps(
  preset: Preset,
  parts: { readonly model: LanguageModel; readonly loader: BatchLoader; readonly signal: AbortSignal },
): Promise<number> {
  const { model, loader, signal } = parts;
  const optimizer = makeOptimizer(model, preset.learningRate);
  const seconds: number[] = [];
  try {
    for (let i = 0; i < warmUpSteps + timedSteps; i++) {
      const batch = await loader.next();
      if (batch === undefined) break;
      const began = performance.now();
      await trainStep(model, [batch], { optimizer, signal });
      if (i >= warmUpSteps) seconds.push((performance.now() - began) / 1000);
    }
  } finally {
    optimizer.dispose();
    model.dispose();
  }
  return fittingSteps(preset, seconds);
}

/** Steps of the median duration that fit into the preset's seconds, within its bounds and rounded to tens. */
export function fittingSteps(preset: Preset, seconds: readonly number[]): number {
  const sorted = [...seconds].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? 0;
  const steps = Math.round(preset.seconds / median / 10) * 10;
  return Math.min(preset.mostSteps, Math.max(preset.leastSteps, steps));
}
