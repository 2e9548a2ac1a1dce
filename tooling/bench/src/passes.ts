import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Tokenizer } from '@tessera-llm/tokenizers';

/** Passes over other text that warm the code before anything is measured: ours in every thread, and the peers'. */
export const warmPasses = 8;

/**
 * Threads that each encode a whole text for themselves, sharing nothing: how much more the cores do together than one of
 * them. A pool of as many workers can hardly do better.
 */
export class Passes {
  private constructor(private readonly workers: readonly Worker[]) {}

  /** Starts the threads and warms their code with `other`. */
  static async open(tokenizer: Tokenizer, text: string, other: string, count: number): Promise<Passes> {
    const workerData = { json: JSON.stringify(tokenizer.toJSON()), text, other };
    const workers = Array.from(
      { length: count },
      () => new Worker(new URL('./pass-worker.js', import.meta.url), { workerData }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new Passes(workers);
  }

  /** One pass in each thread, at once. */
  async run(): Promise<void> {
    const done = this.workers.map((worker) => once(worker, 'message'));
    for (const worker of this.workers) worker.postMessage('pass');
    await Promise.all(done);
  }
}
