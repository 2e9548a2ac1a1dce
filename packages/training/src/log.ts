import { type FileHandle, open, readFile } from 'node:fs/promises';
import { type JsonObject, type JsonValue, writeFileAtomic } from '@tessera-llm/formats';
import { TrainingError } from './errors';

/**
 * A line of the log. `train` writes lines of type `step` and `eval`. All clocks are under `clock`: two runs that are
 * equal differ nowhere else.
 */
export interface LogRecord extends JsonObject {
  /** What the line is about: `step`, `eval`, or a word of the caller's. */
  readonly type: string;
  /** Completed optimizer steps. */
  readonly step: number;
}

/**
 * The log of a run: one JSON object per line, in the order of the steps. Opening it for a resumed run cuts it back to
 * the checkpoint's step, so that the finished log of a resumed run equals that of an uninterrupted one.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { RunLog, readLog } from '@tessera-llm/training';
 * const path = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'log.jsonl');
 * const log = await RunLog.create(path);
 * await log.write({ type: 'step', step: 1, loss: 4.2 });
 * await log.write({ type: 'step', step: 2, loss: 4.1 });
 * await log.close();
 * await (await RunLog.resume(path, ({ step }) => step <= 1)).close();
 * console.log((await readLog(path)).length); // 1
 * ```
 */
export class RunLog {
  readonly path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** An empty log; an older file of this name is replaced. @throws FormatsError `write_failed` */
  static async create(path: string): Promise<RunLog> {
    await writeFileAtomic(path, '');
    return RunLog.#append(path);
  }

  /**
   * The log of a run that goes on, cut back to the records that `keep` accepts; lines that are no records, such as one
   * that a crash cut, are removed.
   *
   * @throws TrainingError `log` if there is no such file; FormatsError `write_failed`.
   */
  static async resume(path: string, keep: (record: LogRecord) => boolean): Promise<RunLog> {
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new TrainingError(
        'log',
        `[RunLog] expected the log of the run to be resumed at ${path}, got ${message(cause)}`,
        { cause },
      );
    });
    const lines = text.split('\n').filter((line) => {
      const record = parse(line);
      return record !== undefined && keep(record);
    });
    await writeFileAtomic(path, lines.map((line) => `${line}\n`).join(''));
    return RunLog.#append(path);
  }

  static async #append(path: string): Promise<RunLog> {
    return new RunLog(path, await guard(path, () => open(path, 'a')));
  }

  /** Adds a line. Numbers that are not finite become null, as JSON has none. @throws TrainingError `log` */
  async write(record: LogRecord): Promise<void> {
    await guard(this.path, () => this.#file.appendFile(`${JSON.stringify(record)}\n`));
  }

  /** Waits until the disk holds every line: no checkpoint is newer than its log. */
  async sync(): Promise<void> {
    await guard(this.path, () => this.#file.sync());
  }

  /** Closes the file; no line can be added then. */
  async close(): Promise<void> {
    await this.#file.close();
  }
}

/**
 * The records of a log, in order; lines that are no records, such as a last one that a crash cut, are left out.
 *
 * @throws TrainingError `log` if the file can't be read.
 *
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readLog } from '@tessera-llm/training';
 * const path = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'log.jsonl');
 * await writeFile(path, '{"type":"step","step":1,"loss":4.2}\n{"type":"st');
 * console.log((await readLog(path)).map(({ loss }) => loss)); // [4.2]
 * ```
 */
export async function readLog(path: string): Promise<LogRecord[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new TrainingError('log', `[readLog] expected a readable log, got ${message(cause)}`, { cause });
  });
  return text.split('\n').flatMap((line) => parse(line) ?? []);
}

function parse(line: string): LogRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is LogRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { type, step } = value as Record<string, JsonValue | undefined>;
  return typeof type === 'string' && typeof step === 'number';
}

async function guard<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw new TrainingError('log', `[RunLog] expected to write ${path}, got ${message(cause)}`, { cause });
  }
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
