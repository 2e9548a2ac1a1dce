import { TokenizerError } from '../errors';
import type { EncodeThread } from './encode-thread';
import type { Job } from './job';

/** Shares jobs out among threads, in the order in which they came; a thread that broke is replaced at the next job. */
export class TaskQueue {
  private readonly waiting: Job[] = [];
  private ended = false;

  constructor(
    private readonly threads: EncodeThread[],
    private readonly start: () => EncodeThread,
  ) {}

  get workers(): number {
    return this.threads.length;
  }

  /**
   * Runs jobs to their end. At an error or when the signal says so, those that wait are left out.
   *
   * @param make Makes the jobs, given what they call when they fail and when they are done with.
   */
  async run(
    make: (failed: (error: unknown) => void, settled: () => void) => Job[],
    signal?: AbortSignal,
  ): Promise<void> {
    if (this.ended) throw disposed();
    let stop = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        let left = 0;
        const failed = (error: unknown) => {
          this.drop(jobs);
          reject(error);
        };
        const settled = () => {
          if (--left === 0) resolve();
          this.dispatch();
        };
        const jobs = make(failed, settled);
        left = jobs.length;
        if (left === 0) resolve();
        stop = () => failed(signal?.reason);
        signal?.addEventListener('abort', stop);
        for (const job of jobs) this.waiting.push(job);
        this.dispatch();
      });
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  private drop(jobs: readonly Job[]): void {
    const gone = new Set(jobs);
    const kept = this.waiting.filter((job) => !gone.has(job));
    this.waiting.splice(0, this.waiting.length, ...kept);
  }

  /** Gives jobs to the threads that have least to do. */
  private dispatch(): void {
    while (!this.ended && this.waiting.length > 0) {
      this.threads.forEach((thread, i) => {
        if (thread.broken !== null) this.threads[i] = this.start();
      });
      const [idlest] = this.threads.filter((thread) => thread.free).sort((a, b) => a.load - b.load);
      if (idlest === undefined) return;
      idlest.post(this.waiting.shift() as Job);
    }
  }

  /** Ends the threads; what is under way fails. */
  async end(): Promise<void> {
    this.ended = true;
    for (const job of this.waiting.splice(0)) job.fail(disposed());
    await Promise.all(this.threads.map((thread) => thread.end(disposed())));
  }
}

function disposed(): TokenizerError {
  return new TokenizerError('invalid_argument', '[TokenizerPool] expected a pool in use, got one that was disposed of');
}
