import { Worker } from 'node:worker_threads';
import { TokenizerError } from '../errors';
import { type EncodeAnswer, type EncodeTask, type NewWords, type TokenizerData, errorOf } from './messages';
import type { Job, Slot } from './job';

/** Tasks that a worker holds, so that it has the next one when it is done with one. */
const tasksAhead = 2;

/** One worker of a pool; answers its tasks in order. Does not keep the process alive while it has none. */
export class EncodeThread {
  private readonly worker: Worker;
  private readonly jobs: { readonly job: Job; readonly slot: Slot }[] = [];
  /** Memory for tasks, free now. */
  private readonly slots: Slot[] = Array.from({ length: tasksAhead }, () => ({ units: null, ids: null }));
  /** Why it can take no more tasks, or null. */
  broken: Error | null = null;
  /** Settles when the tokenizer is built. */
  readonly ready: Promise<void>;
  private settle: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(data: TokenizerData) {
    this.worker = new Worker(new URL('./encode-worker.js', import.meta.url), { workerData: data });
    this.ready = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // Who made the thread may not wait for it.
    this.ready.catch(() => {});
    this.worker.on('message', (answer: EncodeAnswer) => this.receive(answer));
    this.worker.on('error', (cause) => this.break(failure(`failed: ${cause.message}`, cause)));
    this.worker.on('exit', (code) => this.break(failure(`ended with code ${code}`)));
  }

  private receive(answer: EncodeAnswer): void {
    if ('ready' in answer) {
      this.settle?.resolve();
      if (this.jobs.length === 0) this.worker.unref();
      return;
    }
    const held = this.jobs.shift();
    if (this.jobs.length === 0) this.worker.unref();
    if (held === undefined) {
      if ('error' in answer) this.break(errorOf(answer.error));
      return;
    }
    const { job, slot } = held;
    // Read before the memory is used again.
    if ('error' in answer) job.fail(errorOf(answer.error));
    else job.read(answer, slot);
    this.slots.push(slot);
    job.settled();
  }

  private break(error: Error): void {
    if (this.broken !== null) return;
    this.broken = error;
    this.settle?.reject(error);
    void this.worker.terminate();
    for (const { job } of this.jobs.splice(0)) {
      job.fail(error);
      job.settled();
    }
  }

  /** Tasks that it has not answered yet. */
  get load(): number {
    return this.jobs.length;
  }

  /** True if it takes another task. */
  get free(): boolean {
    return this.slots.length > 0;
  }

  post(job: Job): void {
    const slot = this.slots.pop() as Slot;
    let task: EncodeTask;
    try {
      task = job.write(slot);
    } catch (error) {
      // No memory for it.
      this.slots.push(slot);
      job.fail(error);
      job.settled();
      return;
    }
    this.jobs.push({ job, slot });
    this.worker.ref();
    this.worker.postMessage(task);
  }

  /** Forgets words, between the tasks given before and those given from now on. */
  forget(words: NewWords): void {
    this.worker.postMessage(words);
  }

  async end(error: Error): Promise<void> {
    this.break(error);
    await this.worker.terminate();
  }
}

function failure(what: string, cause?: unknown): TokenizerError {
  return new TokenizerError('worker_failed', `[TokenizerPool] a worker ${what}; its texts were not encoded`, { cause });
}
