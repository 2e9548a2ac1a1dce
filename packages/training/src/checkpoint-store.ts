import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFolderAtomic } from '@tessera-llm/formats';
import { type Known, TrainingError, checkCount, checkKnown } from './errors';

const complete = /^step-(\d{8,})$/;
const setAside = /^(step-\d{8,})\.old-[0-9a-f]+$/;
const unfinished = /^\.step-\d{8,}\..*\.tmp$/;

/** Settings of CheckpointStore. */
export interface CheckpointStoreOptions {
  /** How many of the newest checkpoints to keep; default 2, so that one survives damage to the other. */
  readonly keep?: number;
}

/**
 * The checkpoints of a run: one folder `step-00000050` per checkpoint, each whole or absent. A checkpoint is written
 * into a folder beside its place and then renamed; only afterwards are older ones removed, so a full disk or a crash
 * at any moment leaves the earlier checkpoints as they were. The folder is made when it is first needed.
 *
 * @throws TrainingError `value` for a `keep` that is no whole number above 0 or for unknown options; methods:
 * `checkpoint` for a folder that can't be read and written.
 *
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { CheckpointStore } from '@tessera-llm/training';
 * const store = new CheckpointStore(await mkdtemp(join(tmpdir(), 'tessera-')), { keep: 1 });
 * for (const step of [10, 20]) await store.save(step, (folder) => writeFile(join(folder, 'state.json'), '{}'));
 * console.log(await store.steps()); // [20]
 * ```
 */
export class CheckpointStore {
  readonly directory: string;
  readonly #keep: number;

  constructor(directory: string, options: CheckpointStoreOptions = {}) {
    checkKnown('CheckpointStore', options, { keep: true } satisfies Known<CheckpointStoreOptions>);
    const { keep = 2 } = options;
    checkCount('CheckpointStore', 'keep', keep);
    this.directory = directory;
    this.#keep = keep;
  }

  /** Folder of the checkpoint after `step` steps, whether it exists or not. */
  path(step: number): string {
    return join(this.directory, `step-${String(step).padStart(8, '0')}`);
  }

  /** Steps of the complete checkpoints, ascending. */
  async steps(): Promise<number[]> {
    return (await this.#entries())
      .flatMap((name) => complete.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Removes what a killed process left half-written, and puts back what it had set aside. */
  async repair(): Promise<void> {
    const entries = await this.#entries();
    for (const name of entries) {
      const place = setAside.exec(name)?.[1];
      if (place !== undefined && !entries.includes(place)) {
        await rename(join(this.directory, name), join(this.directory, place));
      } else if (place !== undefined || unfinished.test(name)) {
        await rm(join(this.directory, name), { recursive: true, force: true });
      }
    }
  }

  /**
   * Writes a checkpoint and then removes the oldest ones beyond the number to keep.
   *
   * @param fill Writes the files into the folder that it is given; if it throws, nothing has changed.
   * @param protectedSteps Checkpoints that stay in addition, such as the best one.
   * @returns The checkpoint's folder.
   * @throws TrainingError `value` for a step that is no whole number >= 0; FormatsError `write_failed`; what `fill`
   * throws.
   */
  async save(
    step: number,
    fill: (folder: string) => Promise<void>,
    protectedSteps: readonly number[] = [],
  ): Promise<string> {
    checkCount('CheckpointStore', 'step', step, 0);
    const path = this.path(step);
    await writeFolderAtomic(path, fill);
    const steps = await this.steps();
    const kept = new Set([...steps.slice(-this.#keep), step, ...protectedSteps]);
    for (const old of steps) {
      if (!kept.has(old)) await rm(this.path(old), { recursive: true, force: true });
    }
    return path;
  }

  async #entries(): Promise<string[]> {
    try {
      await mkdir(this.directory, { recursive: true });
      return await readdir(this.directory);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new TrainingError(
        'checkpoint',
        `[CheckpointStore] expected a folder that can be read and written, got: ${what}`,
        { cause },
      );
    }
  }
}
