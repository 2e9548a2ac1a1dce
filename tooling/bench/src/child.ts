import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Seconds } from './area';

/** What a child answers, one JSON object a line; lines that are none of these (a library's chatter) are passed over. */
const reply = z.union([
  z.object({ ready: z.string() }),
  z.object({ skip: z.string() }),
  z.object({ seconds: z.record(z.string(), z.number()) }),
  z.object({ peakBytes: z.number() }),
]);

/** The rest of a failing child's standard error that is shown. */
const shownErrors = 400;

/** Thrown when a child can't do its work. */
export class ChildFailure extends Error {}

/** Processes that run now. */
const running = new Set<ChildProcess>();

/** Kills every child, without waiting for any. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A process that runs one side of a case and speaks JSON lines. */
export class Child {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = '';
  #failure: Error | null = null;

  constructor(command: string, args: readonly string[], options: { readonly cwd?: string; readonly threads: number }) {
    const threads = `${options.threads}`;
    const pools = ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'RAYON_NUM_THREADS'];
    this.#process = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...Object.fromEntries(pools.map((name) => [name, threads])) },
    });
    running.add(this.#process);
    this.#process.on('close', () => running.delete(this.#process));
    this.#process.on('error', (error) => {
      this.#failure = error;
    });
    this.#process.stdin?.on('error', () => {}); // the missing answer says that it ended
    this.#process.stderr?.on('data', (chunk) => {
      this.#errors = `${this.#errors}${chunk}`.slice(-shownErrors);
    });
    const { stdout } = this.#process;
    if (stdout === null) throw new ChildFailure('no standard output');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async #ask(request: object): Promise<z.infer<typeof reply>> {
    this.#process.stdin?.write(`${JSON.stringify(request)}\n`);
    for (;;) {
      const line = await this.#lines.next();
      if (line.done) {
        const last = this.#errors.trim().split('\n').slice(-3).join(' | ');
        throw new ChildFailure(this.#failure?.message ?? (last || 'the process ended'));
      }
      const parsed = reply.safeParse(jsonOrNull(line.value));
      if (parsed.success) return parsed.data;
    }
  }

  /** Prepares the work; gives the name and version of what runs, or throws why it can't. */
  async open(request: object): Promise<string> {
    const answer = await this.#ask({ open: request });
    if ('ready' in answer) return answer.ready;
    throw new ChildFailure('skip' in answer ? answer.skip : 'answered out of turn');
  }

  /** One repetition. */
  async run(): Promise<Seconds> {
    const answer = await this.#ask({ run: true });
    if ('seconds' in answer) return answer.seconds;
    throw new ChildFailure('skip' in answer ? answer.skip : 'answered out of turn');
  }

  /** Most resident memory since the process began. */
  async peakBytes(): Promise<number> {
    const answer = await this.#ask({ peak: true });
    if ('peakBytes' in answer) return answer.peakBytes;
    throw new ChildFailure('answered out of turn');
  }

  /** Ends the process and waits for it, so that its memory is free for the next. */
  async close(): Promise<void> {
    const { exitCode, signalCode, pid } = this.#process;
    if (exitCode !== null || signalCode !== null || pid === undefined) return;
    const closed = new Promise((done) => this.#process.once('close', done));
    this.#process.kill('SIGKILL');
    await closed;
  }
}

function jsonOrNull(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
