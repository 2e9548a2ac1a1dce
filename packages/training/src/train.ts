import type { JsonObject } from '@tessera-llm/formats';
import type { CausalLM } from '@tessera-llm/layers';
import type { Schedule } from '@tessera-llm/optimizers';
import type { Resumable } from './checkpoint';
import type { CheckpointStore } from './checkpoint-store';
import { type Known, TrainingError, checkCount, checkKnown } from './errors';
import type { Progress } from './progress';
import { Run } from './run';
import { type MicroBatch, type StepResult, type TrainStepOptions, checkOnNonFinite, stepOptions } from './step';

/** Yields micro-batches; data's TokenLoader is one. */
export interface BatchLoader extends Resumable {
  /** undefined at the end of the data. */
  next(): Promise<MicroBatch | undefined>;
}

/** What `onStep` is told. */
export interface TrainEvent extends StepResult {
  /** Completed steps. */
  readonly step: number;
  /** Learning-rate factor that the step used. */
  readonly lrFactor: number;
}

/** Where and when a run is saved. */
export interface CheckpointOptions {
  /** Where checkpoints lie; the run goes on from the newest one there. */
  readonly store: CheckpointStore;
  /** Steps between two checkpoints; the last step, and a stop, always save. */
  readonly every: number;
  /**
   * Name of a number that `evaluate` returns, the smaller the better: the checkpoint with the best one so far is saved
   * when it is measured, and stays beside the newest. NaN and infinity are never the best.
   */
  readonly keepBest?: string;
  /** Writes the model into a checkpoint's folder; see `writeTrainingState`. Default: its weights alone. */
  readonly saveModel?: (folder: string) => Promise<void>;
}

/** What is measured during a run. */
export interface EvaluateOptions {
  /** Steps between two evaluations; the last step is always evaluated. */
  readonly every: number;
  /** Measures; what it returns goes to the log. It may stop by throwing when the signal is aborted. */
  run(step: number): Promise<JsonObject>;
}

/** Settings of `train`. */
export interface TrainOptions extends Omit<TrainStepOptions, 'lrFactor'> {
  readonly model: CausalLM;
  /** The data; its position is saved with the run. */
  readonly loader: BatchLoader;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Completed steps at which this call ends and saves, though the run is longer; default `steps`. */
  readonly stopAfter?: number;
  /** Learning-rate factor by the number of completed steps, from 0; default constant 1. */
  readonly schedule?: Schedule;
  /** Micro-batches of a step; default 1. The last step of the data may have fewer. */
  readonly gradAccumSteps?: number;
  /** Key of dropout; default 0. */
  readonly seed?: number;
  /** Default: nothing is saved, and every call begins anew. */
  readonly checkpoints?: CheckpointOptions;
  /** Default: nothing is measured. */
  readonly evaluate?: EvaluateOptions;
  /** Path of the JSONL log; a run that goes on cuts it back to its checkpoint, a new one replaces it. Default: none. */
  readonly log?: string;
  /** Told of every step, and closed at the end; default: nothing is shown. */
  readonly progress?: Progress;
  /** Called after each step, before its evaluation; it is waited for, as the others are. */
  readonly onStep?: (event: TrainEvent) => Promise<void> | void;
  /** Called after each evaluation with what it measured. */
  readonly onEval?: (step: number, measured: JsonObject) => Promise<void> | void;
  /** Called after each checkpoint with its folder. */
  readonly onCheckpoint?: (step: number, folder: string) => Promise<void> | void;
}

/** How a call of `train` ended. */
export interface TrainResult {
  /** Completed steps. */
  readonly step: number;
  /** Targets trained on since the run began. */
  readonly tokens: number;
  /** True if the run isn't at its end; a call with the same settings goes on. */
  readonly stopped: boolean;
  /** Loss of the last step of this call; null if none was made. */
  readonly loss: number | null;
  /** The best evaluation so far, if `keepBest` asks for it. */
  readonly best: { readonly step: number; readonly value: number } | null;
}

/**
 * Trains a model for a number of steps, or goes on with the run whose newest checkpoint is in the store: weights,
 * optimizer, schedule, random numbers and data position are those of the uninterrupted run, bit for bit, and so is the
 * log but for its clocks.
 *
 * When the signal is aborted, the current micro-batch ends, the unfinished step is dropped, and the last completed one
 * is saved. The event loop gets a turn after every micro-batch. The model is in evaluation mode afterwards.
 *
 * @throws TrainingError `value`, `data` at the end of the data, `non_finite`, `checkpoint`, `log`; FormatsError
 * `write_failed`; what the loader and callbacks throw. A checkpoint that was complete before stays.
 *
 * @example
 * ```ts
 * import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
 * import { createModel } from '@tessera-llm/models';
 * import { AdamW, createSchedule } from '@tessera-llm/optimizers';
 * import { train } from '@tessera-llm/training';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
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
  check(options);
  const { model, steps, stopAfter = steps, progress } = options;
  const run = await Run.begin(options);
  model.train();
  try {
    await run.evaluateIfDue();
    while (run.step < Math.min(steps, stopAfter) && (await run.advance())) {
      await run.evaluateIfDue();
      await run.saveIfDue();
    }
    await run.save();
    return run.result();
  } finally {
    progress?.close();
    model.eval();
    await run.close();
  }
}

const { lrFactor: _ofSchedule, ...ofSteps } = stepOptions;
const trainOptions: Known<TrainOptions> = {
  ...ofSteps,
  ...{ model: true, loader: true, steps: true, stopAfter: true, schedule: true, gradAccumSteps: true, seed: true },
  ...{ checkpoints: true, evaluate: true, log: true, progress: true, onStep: true, onEval: true, onCheckpoint: true },
};
const checkpointOptions: Known<CheckpointOptions> = { store: true, every: true, keepBest: true, saveModel: true };

function check(options: TrainOptions): void {
  checkKnown('train', options, trainOptions);
  const { steps, stopAfter = steps, gradAccumSteps = 1, seed = 0, checkpoints, evaluate, onNonFinite } = options;
  if (checkpoints) checkKnown('train', checkpoints, checkpointOptions);
  if (onNonFinite !== undefined) checkOnNonFinite('train', onNonFinite);
  checkCount('train', 'steps', steps);
  checkCount('train', 'stopAfter', stopAfter);
  checkCount('train', 'gradAccumSteps', gradAccumSteps);
  checkCount('train', 'seed', seed, Number.MIN_SAFE_INTEGER);
  if (checkpoints) checkCount('train', 'checkpoints.every', checkpoints.every);
  if (evaluate) checkCount('train', 'evaluate.every', evaluate.every);
  if (checkpoints?.keepBest !== undefined && !evaluate) {
    throw new TrainingError(
      'value',
      `[train] expected evaluate, which measures the ${checkpoints.keepBest} of keepBest, got none`,
    );
  }
}
