import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { isRecord } from '../config';
import { TokenizerError, type TokenizerErrorCode } from '../errors';
import { createNormalizer } from '../normalizers/create';
import { createPreTokenizer } from '../pre-tokenizers/create';
import { BoundedCounts } from './count-words';
import { type CountPipeline, type CountWatch, Pace, type Texts, type WordCounting, checkWhole, wrong } from './options';
import type { PackedWords, WordCounts } from './word-counts';
import { batchesOf, kindOf } from './word-reader';

/** What a thread is made with: components as tokenizer.json has them. */
export interface CountWorkerData {
  readonly normalizer: Record<string, unknown> | null;
  readonly preTokenizer: Record<string, unknown> | null;
}

/** A batch of texts, and how many came before it. */
export interface CountTask {
  readonly batch: readonly string[];
  readonly first: number;
}

/** The counts of a batch. */
export type CountAnswer =
  | { readonly parts: readonly PackedWords[] }
  | { readonly error: { readonly code: TokenizerErrorCode; readonly message: string } };

/** Settings of `countInThreads`. */
export interface CountThreadsOptions {
  /** From 1 to 1024; default as many as the process may use. */
  readonly threads?: number;
}

/** A thread that answers tasks in order. */
class CountThread {
  private readonly worker: Worker;
  private readonly waiting: PromiseWithResolvers<readonly PackedWords[]>[] = [];
  /** Why it can count no more, or null. */
  private broken: TokenizerError | null = null;

  constructor(data: CountWorkerData) {
    this.worker = new Worker(new URL('./count-worker.js', import.meta.url), { workerData: data });
    this.worker.on('message', (answer: CountAnswer) => {
      const task = this.waiting.shift();
      if ('parts' in answer) task?.resolve(answer.parts);
      else task?.reject(new TokenizerError(answer.error.code, answer.error.message));
    });
    this.worker.on('error', (cause) => this.break(`failed: ${cause.message}`, cause));
    this.worker.on('exit', (code) => this.break(`ended with code ${code}`));
  }

  private break(what: string, cause?: unknown): void {
    this.broken ??= new TokenizerError('worker_failed', `[train] a counting thread ${what}`, { cause });
    for (const task of this.waiting.splice(0)) task.reject(this.broken);
  }

  count(task: CountTask): Promise<readonly PackedWords[]> {
    const answer = deferred<readonly PackedWords[]>();
    // Who waits for an earlier batch may fail first.
    answer.promise.catch(() => {});
    if (this.broken !== null) answer.reject(this.broken);
    else {
      this.waiting.push(answer);
      this.worker.postMessage(task);
    }
    return answer.promise;
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}

/**
 * Counts the words of training texts in worker threads (Node only). The counts, and so the trained tokenizer, are the
 * same for every number of threads and without any, also where rare words had to be dropped.
 *
 * Components travel as their tokenizer.json, so normaliser and pre-tokenizer must be of the kinds known there.
 *
 * @throws TokenizerError `invalid_argument` for a number of threads out of range. Training with it throws `unsupported`
 * for other components, `worker_failed` if a thread ends.
 *
 * @example
 * ```ts
 * import { trainBpe } from '@tessera-llm/tokenizers';
 * import { countInThreads } from '@tessera-llm/tokenizers/count-threads';
 * const counter = countInThreads({ threads: 2 });
 * const tokenizer = await trainBpe(['low lower lowest'], { vocabSize: 260, counter });
 * console.log(tokenizer.vocabSize); // 260
 * ```
 */
export function countInThreads(options: CountThreadsOptions = {}): WordCounting {
  const given: unknown = options;
  if (!isRecord(given)) throw wrong('options', 'an object such as { threads: 2 }', given);
  const { threads = availableParallelism() } = options;
  checkWhole('threads', threads, 1, 1024);
  return (texts, pipeline, watch) => count(texts, pipeline, watch, threads);
}

async function count(texts: Texts, pipeline: CountPipeline, watch: CountWatch, threads: number): Promise<WordCounts> {
  const counts = new BoundedCounts(pipeline);
  const data = dataOf(pipeline);
  const pool = Array.from({ length: threads }, () => new CountThread(data));
  const pace = new Pace(watch);
  const aborted = deferred<never>();
  aborted.promise.catch(() => {});
  const abort = () => aborted.reject(watch.signal?.reason);
  watch.signal?.addEventListener('abort', abort, { once: true });
  // Batches under way, oldest first: their counts are merged in the order of the texts.
  const open: { readonly batch: readonly string[]; readonly parts: Promise<readonly PackedWords[]> }[] = [];
  const take = async () => {
    const oldest = open.shift();
    if (oldest === undefined) return;
    for (const part of await Promise.race([oldest.parts, aborted.promise])) counts.merge(part);
    counts.note(oldest.batch);
    if (pace.due) await pace.rest('counting', counts.units, null);
  };
  try {
    let sent = 0;
    let first = 0;
    for await (const batch of batchesOf(texts, watch.signal)) {
      while (open.length >= 2 * threads) await take();
      const thread = pool[sent++ % threads] as CountThread;
      open.push({ batch, parts: thread.count({ batch, first }) });
      first += batch.length;
    }
    while (open.length > 0) await take();
  } finally {
    watch.signal?.removeEventListener('abort', abort);
    await Promise.all(pool.map((thread) => thread.end()));
  }
  pace.report('counting', counts.units, counts.units);
  return counts.finish(kindOf(pipeline));
}

function dataOf({ normalizer, preTokenizer }: CountPipeline): CountWorkerData {
  const data = { normalizer: normalizer?.toJSON() ?? null, preTokenizer: preTokenizer?.toJSON() ?? null };
  try {
    if (data.normalizer !== null) createNormalizer(data.normalizer);
    if (data.preTokenizer !== null) createPreTokenizer(data.preTokenizer);
  } catch (cause) {
    throw new TokenizerError(
      'unsupported',
      '[train] expected components that tokenizer.json knows, got one of another kind; threads can count with the former only, leave the counter out',
      { cause },
    );
  }
  return data;
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Promise.withResolvers, which Node 20 lacks. */
function deferred<T>(): PromiseWithResolvers<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}
