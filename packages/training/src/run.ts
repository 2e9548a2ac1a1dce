import type { JsonObject } from '@tessera-llm/formats';
import { type Progressed, readTrainingState, writeTrainingState } from './checkpoint';
import { TrainingError } from './errors';
import { RunLog } from './log';
import { type MicroBatch, type StepResult, takeStep } from './step';
import type { TrainOptions, TrainResult } from './train';

/** A run under way: what `train` does step by step. */
export class Run {
  readonly #options: TrainOptions;
  readonly #log: RunLog | null;
  readonly #seed: number;
  #step: number;
  #tokens: number;
  #evaluationDue: boolean;
  #best: Progressed['best'];
  #loss: number | null = null;
  /** The data position of the last completed step: what a stop within a step goes back to. */
  #position: unknown;
  /** Whether the newest checkpoint holds all of this. */
  #saved: boolean;

  private constructor(options: TrainOptions, from: Progressed | null, log: RunLog | null) {
    this.#options = options;
    this.#log = log;
    this.#seed = options.seed ?? 0;
    this.#step = from?.step ?? 0;
    this.#tokens = from?.tokens ?? 0;
    this.#evaluationDue = from?.evaluationDue ?? false;
    this.#best = from?.best ?? null;
    this.#position = options.loader.state();
    this.#saved = from !== null;
  }

  /** A new run, or the one whose newest checkpoint is in the store. */
  static async begin(options: TrainOptions): Promise<Run> {
    const from = await resume(options);
    const log = options.log === undefined ? null : await openLog(options.log, from);
    return new Run(options, from, log);
  }

  /** Completed steps. */
  get step(): number {
    return this.#step;
  }

  /** One more step; false if the signal ended it, and then nothing has changed. */
  async advance(): Promise<boolean> {
    const { model, schedule, signal, progress, onStep } = this.#options;
    if (signal?.aborted) return false;
    const began = performance.now();
    const lrFactor = schedule?.(this.#step) ?? 1;
    let result: StepResult;
    try {
      result = await takeStep(model, await this.#microBatches(), { ...this.#options, lrFactor });
    } catch (error) {
      // An aborted step never happened, whatever it was doing.
      if (signal?.aborted) return false;
      throw error;
    }
    const { loss, tokens, gradNorm, skipped } = result;
    this.#step++;
    this.#tokens += tokens;
    this.#loss = loss;
    this.#position = this.#options.loader.state();
    this.#saved = false;
    this.#evaluationDue = this.#isDue(this.#options.evaluate?.every);
    const seconds = (performance.now() - began) / 1000;
    await this.#log?.write({
      type: 'step',
      step: this.#step,
      loss,
      gradNorm,
      lrFactor,
      tokens,
      ...(skipped && { skipped }),
      clock: { time: new Date().toISOString(), seconds, tokensPerSecond: tokens / seconds },
    });
    progress?.step({ step: this.#step, loss, tokens });
    await onStep?.({ ...result, step: this.#step, lrFactor });
    return true;
  }

  /** Evaluates, if this step's turn has come; a stop leaves it for the run that goes on. */
  async evaluateIfDue(): Promise<void> {
    const { evaluate, signal, model, onEval } = this.#options;
    if (!evaluate || !this.#evaluationDue || signal?.aborted) return;
    let measured: JsonObject;
    try {
      measured = await this.#aside(() => evaluate.run(this.#step));
    } catch (error) {
      if (signal?.aborted) return;
      throw error;
    } finally {
      model.train();
    }
    await this.#log?.write({ type: 'eval', step: this.#step, ...measured });
    this.#evaluationDue = false;
    this.#saved = false;
    await onEval?.(this.#step, measured);
    await this.#keepBest(measured);
  }

  /** Saves, if this step's turn has come. */
  async saveIfDue(): Promise<void> {
    if (this.#isDue(this.#options.checkpoints?.every)) await this.save();
  }

  /** Saves, unless the newest checkpoint holds everything already. */
  async save(): Promise<void> {
    const { checkpoints, model, optimizer, loader, onCheckpoint } = this.#options;
    if (!checkpoints || this.#saved) return;
    const { store, saveModel } = checkpoints;
    await this.#aside(async () => {
      // No checkpoint is newer than its log.
      await this.#log?.sync();
      const progressed: Progressed = {
        step: this.#step,
        tokens: this.#tokens,
        seed: this.#seed,
        evaluationDue: this.#evaluationDue,
        best: this.#best,
      };
      const parts = { model, optimizer, loader: { state: () => this.#position, load: loader.load.bind(loader) } };
      const fill = (folder: string) =>
        writeTrainingState(folder, parts, { ...progressed, ...(saveModel && { saveModel }) });
      await store.save(this.#step, fill, this.#best === null ? [] : [this.#best.step]);
    });
    this.#saved = true;
    await onCheckpoint?.(this.#step, checkpoints.store.path(this.#step));
  }

  result(): TrainResult {
    const stopped = this.#step < this.#options.steps || this.#evaluationDue;
    return { step: this.#step, tokens: this.#tokens, stopped, loss: this.#loss, best: this.#best };
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  #isDue(every: number | undefined): boolean {
    return every !== undefined && (this.#step % every === 0 || this.#step === this.#options.steps);
  }

  async #keepBest(measured: JsonObject): Promise<void> {
    const name = this.#options.checkpoints?.keepBest;
    if (name === undefined) return;
    const value = measured[name];
    if (typeof value !== 'number') {
      throw new TrainingError(
        'value',
        `[train] expected evaluate to return a number ${name} for keepBest, got ${value}`,
      );
    }
    // NaN and infinity are no best: nothing would ever be below a NaN, and a checkpoint's JSON has neither.
    if (!Number.isFinite(value) || (this.#best !== null && !(value < this.#best.value))) return;
    this.#best = { step: this.#step, value };
    await this.save();
  }

  /** Runs what does not count as training: evaluating, saving. */
  async #aside<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.#options.progress?.pause((performance.now() - began) / 1000);
    }
  }

  /** The micro-batches of the next step, each sample with a key of dropout of its own. */
  async #microBatches(): Promise<MicroBatch[]> {
    const { loader, gradAccumSteps = 1, signal } = this.#options;
    const batches: MicroBatch[] = [];
    let sample = 0;
    while (batches.length < gradAccumSteps) {
      signal?.throwIfAborted();
      const batch = await loader.next();
      if (batch === undefined) break;
      const sampleIds = Int32Array.from({ length: batch.offsets.length - 1 }, () => sample++);
      batches.push({ ...batch, rng: { seed: this.#seed, step: this.#step, sampleIds } });
    }
    if (batches.length === 0) {
      throw new TrainingError(
        'data',
        `[train] expected a batch for step ${this.#step + 1}, got the end of the data; give more epochs or fewer steps`,
      );
    }
    return batches;
  }
}

async function resume({ checkpoints, model, optimizer, loader, seed = 0 }: TrainOptions): Promise<Progressed | null> {
  if (!checkpoints) return null;
  const { store } = checkpoints;
  await store.repair();
  const latest = (await store.steps()).at(-1);
  if (latest === undefined) return null;
  const from = await readTrainingState(store.path(latest), { model, optimizer, loader });
  if (from.seed === seed) return from;
  throw new TrainingError('checkpoint', `[resume] expected seed ${from.seed}, which the run began with, got ${seed}`);
}

function openLog(path: string, from: Progressed | null): Promise<RunLog> {
  if (from === null) return RunLog.create(path);
  const { step, evaluationDue } = from;
  return RunLog.resume(
    path,
    (record) => record.step <= step && !(evaluationDue && record.step === step && record.type === 'eval'),
  );
}
