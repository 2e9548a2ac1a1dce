import type { CausalLM } from '@tessera-llm/layers';
import type { Schedule } from '@tessera-llm/optimizers';
import type { JsonObject } from '@tessera-llm/formats';
import type { CheckpointStore } from './checkpoint-store';
import { type Resumable, type TrainingState, readTrainingState, writeTrainingState } from './checkpoint';
import { TrainingError, checkCount } from './errors';
import type { RunLog } from './log';
import type { Progress } from './progress';
import { type MicroBatch, type StepResult, type TrainStepOptions, trainStep } from './step';

/** Yields micro-batches; data's TokenLoader is one. */
export interface BatchLoader extends Resumable {
  next(): Promise<MicroBatch | undefined>;
}

/** What callbacks are told. */
export interface TrainEvent extends StepResult {
  /** Completed steps. */
  readonly step: number;
  /** Learning-rate factor that the step used. */
  readonly lrFactor: number;
}

/** Settings of `train`. */
export interface TrainOptions extends Omit<TrainStepOptions, 'lrFactor'> {
  readonly model: CausalLM;
  readonly loader: BatchLoader;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Learning-rate factor by step; default constant. */
  readonly schedule?: Schedule;
  /** Micro-batches of a step; default 1. */
  readonly gradAccumSteps?: number;
  /** Key of dropout; default 0. */
  readonly seed?: number;
  /** Where checkpoints go, and every how many steps; the last step and a stop always save. */
  readonly checkpoints?: { readonly store: CheckpointStore; readonly every: number };
  /** Validation: every how many steps, and what to measure; the numbers go to the log. */
  readonly evaluate?: { readonly every: number; run(step: number): Promise<JsonObject> };
  readonly log?: RunLog;
  readonly progress?: Progress;
  readonly onStep?: (event: TrainEvent) => Promise<void> | void;
  readonly onCheckpoint?: (step: number, folder: string) => Promise<void> | void;
}

/** How a run ended. */
export interface TrainResult {
  /** Completed steps. */
  readonly step: number;
  /** Targets trained on, over all sessions of the run. */
  readonly tokens: number;
  /** True if the signal ended it before its last step. */
  readonly stopped: boolean;
  /** Loss of the last step of this call; null if none was made. */
  readonly loss: number | null;
}

/** Seconds of evaluating and saving, which do not count as training. */
async function aside<T>(progress: Progress | undefined, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await work();
  } finally {
    progress?.pause((performance.now() - began) / 1000);
  }
}

/**
 * Trains a model for a number of steps, or goes on with a run whose latest checkpoint is in the store: weights,
 * optimizer, schedule, random numbers and data position are those of the uninterrupted run, bit for bit, and so is the
 * log but for its clocks. When the signal is aborted, the current micro-batch ends, the unfinished step is dropped, and the
 * last completed one is saved.
 *
 * @throws TrainingError, DataError, FormatsError; a checkpoint that was complete before stays.
 *
 * @example
 * ```ts
 * import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
 * import { createModel } from '@tessera-llm/models';
 * import { AdamW, createSchedule } from '@tessera-llm/optimizers';
 * import { train } from '@tessera-llm/training';
 * const model = createModel(
 *   { model_type: 'llama', vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2 },
 *   { seed: 1 },
 * );
 * const source = tokensFromArrays([[1, 2, 3, 4, 5, 6, 7, 8, 9]], { vocabSize: 64 });
 * const { loss } = await train({
 *   model,
 *   loader: new TokenLoader(source, { batchSize: 1, seqLen: 4, seed: 0 }),
 *   optimizer: new AdamW(model.namedParameters(), { lr: 1e-2 }),
 *   schedule: createSchedule({ type: 'cosine', warmupSteps: 2, totalSteps: 20 }),
 *   steps: 20,
 * });
 * console.log(loss); // below ln 64: it has learned to count
 * ```
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { model, loader, optimizer, steps, gradAccumSteps = 1, checkpoints, evaluate, log, progress, signal } = options;
  checkCount('train', 'steps', steps);
  checkCount('train', 'gradAccumSteps', gradAccumSteps);
  if (checkpoints) checkCount('train', 'checkpoints.every', checkpoints.every);
  if (evaluate) checkCount('train', 'evaluate.every', evaluate.every);
  const state: TrainingState = { model, optimizer, loader };
  let { step, tokens } = await resume(checkpoints?.store, state);
  let saved = step;
  let loss: number | null = null;
  // The data position of the last completed step: what a stop within a step goes back to.
  let position = loader.state();
  const save = async (): Promise<void> => {
    if (!checkpoints || saved === step) return;
    await log?.sync();
    const at = { state: () => position, load: loader.load.bind(loader) };
    const folder = await checkpoints.store.save(step, (f) =>
      writeTrainingState(f, { ...state, loader: at }, { step, tokens }),
    );
    saved = step;
    await options.onCheckpoint?.(step, folder);
  };
  model.train();
  try {
    while (step < steps && !signal?.aborted) {
      const lrFactor = options.schedule?.(step) ?? 1;
      let result: StepResult;
      try {
        const batches = await takeBatches({
          loader,
          count: gradAccumSteps,
          seed: options.seed ?? 0,
          step,
          ...(signal && { signal }),
        });
        result = await trainStep(model, batches, { ...options, lrFactor });
      } catch (error) {
        // Aborted within a step: it never happened.
        if (signal?.aborted) break;
        throw error;
      }
      step++;
      tokens += result.tokens;
      loss = result.loss;
      position = loader.state();
      await log?.write({
        type: 'step',
        step,
        loss,
        gradNorm: result.gradNorm,
        lrFactor,
        tokens: result.tokens,
        ...(result.skipped && { skipped: true }),
        clock: { time: Date.now() },
      });
      progress?.step({ step, loss, tokens: result.tokens });
      await options.onStep?.({ ...result, step, lrFactor });
      if (evaluate && (step % evaluate.every === 0 || step === steps) && !signal?.aborted) {
        const measured = await aside(progress, () => evaluate.run(step));
        model.train();
        await log?.write({ type: 'eval', step, ...measured });
      }
      if (checkpoints && step % checkpoints.every === 0) await aside(progress, save);
    }
    await save();
  } finally {
    progress?.close();
    model.eval();
  }
  return { step, tokens, stopped: step < steps, loss };
}

async function resume(
  store: CheckpointStore | undefined,
  state: TrainingState,
): Promise<{ step: number; tokens: number }> {
  if (!store) return { step: 0, tokens: 0 };
  await store.repair();
  const latest = (await store.steps()).at(-1);
  return latest === undefined ? { step: 0, tokens: 0 } : readTrainingState(store.path(latest), state);
}

/** The micro-batches of a step, each with its own keys of dropout. */
async function takeBatches(p: {
  loader: BatchLoader;
  count: number;
  seed: number;
  step: number;
  signal?: AbortSignal;
}): Promise<MicroBatch[]> {
  const batches: MicroBatch[] = [];
  let sample = 0;
  while (batches.length < p.count) {
    p.signal?.throwIfAborted();
    const batch = await p.loader.next();
    if (batch === undefined) break;
    const sampleIds = Int32Array.from({ length: batch.offsets.length - 1 }, () => sample++);
    batches.push({ ...batch, rng: { seed: p.seed, step: p.step, sampleIds } });
  }
  if (batches.length === 0) {
    throw new TrainingError(
      'data',
      `[train] expected a batch for step ${p.step + 1}, got the end of the data; give more epochs or fewer steps`,
    );
  }
  return batches;
}
