import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type JsonObject, type JsonValue, readJsonFile, writeJsonFile } from '@tessera-llm/formats';
import { z } from 'zod';
import { TrainingError } from './errors';

/** What makes a run repeatable; everything in it is compared when the run is resumed. */
export interface RunDescription {
  /** Every setting that the result depends on: model, optimizer, schedule, batch, number of steps. */
  readonly configuration: JsonObject;
  /** Seeds by what they decide. */
  readonly seeds: Readonly<Record<string, number>>;
  /** Fingerprints of the data, such as SHA-256 of the files or of the token shards. */
  readonly data: Readonly<Record<string, string>>;
}

/** `run.json`, as it lies beside a run's checkpoints. */
export interface RunFile extends RunDescription {
  readonly format: 1;
  /** Versions of the packages by name, and of Node, that began the run. */
  readonly versions: Readonly<Record<string, string>>;
  /** Where the run began: operating system, processor architecture, backend. Informative, never compared. */
  readonly environment: Readonly<Record<string, string>>;
}

const fileName = 'run.json';
const strings = z.record(z.string(), z.string());
const schema = z.object({
  format: z.literal(1),
  configuration: z.record(z.string(), z.json()),
  seeds: z.record(z.string(), z.number()),
  data: strings,
  versions: strings,
  environment: strings,
});

/**
 * Writes `run.json` into the folder of a run, atomically. The folder must exist.
 *
 * @param about What is not compared: `packageVersions` gives the versions.
 * @throws FormatsError `write_failed`
 *
 * @example
 * ```ts
 * import { mkdtemp, readdir } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { writeRunFile } from '@tessera-llm/training';
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * const run = { configuration: { steps: 100 }, seeds: { model: 0 }, data: { train: 'sha256' } };
 * await writeRunFile(folder, run, { versions: {}, environment: { os: process.platform } });
 * console.log(await readdir(folder)); // ['run.json']
 * ```
 */
export async function writeRunFile(
  folder: string,
  description: RunDescription,
  about: Pick<RunFile, 'environment' | 'versions'>,
): Promise<void> {
  const { configuration, seeds, data } = description;
  await writeJsonFile(join(folder, fileName), { format: 1, configuration, seeds, data, ...about });
}

/**
 * Reads the `run.json` of a run's folder; undefined if it has none, so that nothing has begun there.
 *
 * @throws FormatsError `read_failed`, `invalid_json`; TrainingError `checkpoint` for a file of another form.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readRunFile } from '@tessera-llm/training';
 * console.log(await readRunFile(await mkdtemp(join(tmpdir(), 'tessera-')))); // undefined
 * ```
 */
export async function readRunFile(folder: string): Promise<RunFile | undefined> {
  const path = join(folder, fileName);
  if (!existsSync(path)) return undefined;
  const parsed = schema.safeParse(await readJsonFile(path));
  if (parsed.success) return parsed.data;
  throw new TrainingError(
    'checkpoint',
    `[readRunFile] expected a run.json of this package in ${folder}, got:\n${z.prettifyError(parsed.error)}`,
  );
}

/**
 * Refuses to continue a run with other settings or other data than it began with. The order of keys doesn't count.
 *
 * @throws TrainingError `checkpoint` naming the first eight settings that differ, with both values.
 *
 * @example
 * ```ts
 * import { checkSameRun } from '@tessera-llm/training';
 * const begun = { configuration: { steps: 100 }, seeds: { model: 0 }, data: {} };
 * checkSameRun(begun, { ...begun, configuration: { steps: 100 } }); // nothing differs
 * try {
 *   checkSameRun(begun, { ...begun, seeds: { model: 1 } });
 * } catch (error) {
 *   console.log((error as Error).message.includes('seeds.model was 0 and is 1')); // true
 * }
 * ```
 */
export function checkSameRun(begun: RunDescription, now: RunDescription): void {
  const differences = (['configuration', 'seeds', 'data'] as const).flatMap((part) =>
    differing(part, begun[part], now[part]),
  );
  if (differences.length === 0) return;
  throw new TrainingError(
    'checkpoint',
    `[resume] expected the settings and data that the run began with, got others: ${differences.slice(0, 8).join('; ')}` +
      '. Resume with the same ones, or begin a new run in another folder',
  );
}

function differing(path: string, a: JsonValue | undefined, b: JsonValue | undefined): string[] {
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => differing(`${path}.${key}`, a[key], b[key]));
  }
  const [was, is] = [JSON.stringify(a), JSON.stringify(b)];
  return was === is ? [] : [`${path} was ${was ?? 'absent'} and is ${is ?? 'absent'}`];
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Versions of installed packages, and of Node, for a run's `run.json`.
 *
 * @param names Packages that the caller depends on.
 * @param from The caller's `import.meta.url`: where the packages are looked up.
 * @returns Versions by name, `node` first.
 * @throws TrainingError `value` for a package without a package.json of its name; MODULE_NOT_FOUND of Node for one that
 * is not installed.
 *
 * @example
 * ```ts
 * import { packageVersions } from '@tessera-llm/training';
 * const versions = packageVersions(['@tessera-llm/training'], import.meta.url);
 * console.log(Object.keys(versions)); // ['node', '@tessera-llm/training']
 * ```
 */
export function packageVersions(names: readonly string[], from: string): Record<string, string> {
  const require = createRequire(from);
  const versions: Record<string, string> = { node: process.versions.node };
  for (const name of names) versions[name] = versionAt(require.resolve(name), name);
  return versions;
}

/** A package's entry lies somewhere below its package.json, which its exports need not offer. */
function versionAt(entry: string, name: string): string {
  const manifest = z.object({ name: z.string(), version: z.string() });
  for (let folder = dirname(entry); dirname(folder) !== folder; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (!existsSync(path)) continue;
    const parsed = manifest.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    if (parsed.success && parsed.data.name === name) return parsed.data.version;
  }
  throw new TrainingError('value', `[packageVersions] expected a package.json of ${name} above ${entry}, got none`);
}
