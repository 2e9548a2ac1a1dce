import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type JsonValue,
  openCheckpoint,
  readJsonFile,
  type TensorToWrite,
  writeCheckpoint,
  writeJsonFile,
} from '@tessera-llm/formats';
import type { Module } from '@tessera-llm/layers';
import { type Tensor, fromBytes, scope } from '@tessera-llm/tensor';
import { z } from 'zod';
import { TrainingError } from './errors';
import type { AnyOptimizer } from './step';

/** Whatever yields training batches and can say and take back where it stands, such as data's TokenLoader. */
export interface Resumable {
  /** Its position, as plain JSON. */
  state(): unknown;
  /** Goes to a position that `state` gave; throws if it is not one of its own. */
  load(state: unknown): void;
}

/** Everything that a run goes on from. */
export interface TrainingState {
  /** Its parameters are float32. */
  readonly model: Module;
  readonly optimizer: AnyOptimizer;
  readonly loader: Resumable;
}

/** Numbers of a checkpoint besides tensors. */
export interface Progressed {
  /** Completed optimizer steps; the schedule and the keys of dropout follow from it. */
  readonly step: number;
  /** Targets trained on so far. */
  readonly tokens: number;
  /** Key of dropout. */
  readonly seed: number;
  /** True if the run was stopped after this step but before its evaluation, which then comes first on resuming. */
  readonly evaluationDue: boolean;
  /** The step that measured best so far, if the run keeps it. */
  readonly best: { readonly step: number; readonly value: number } | null;
}

/** Settings of `writeTrainingState`. */
export interface WriteTrainingStateOptions {
  /**
   * Writes the weights and whatever else makes the folder a model of its own (config.json, the tokenizer) into the
   * folder, every parameter as float32 under its own name. Default: model.safetensors alone.
   */
  readonly saveModel?: (folder: string) => Promise<void>;
}

const stateFile = 'training.json';
const optimizerFolder = 'optimizer';
const count = z.int().nonnegative();
const schema = z.object({
  format: z.literal(1),
  step: count,
  tokens: count,
  seed: z.int(),
  evaluationDue: z.boolean(),
  best: z.object({ step: count, value: z.number() }).nullable(),
  optimizerSteps: z.record(z.string(), count),
  loader: z.json(),
});

function* rawTensors(tensors: Iterable<readonly [string, Tensor]>): Generator<readonly [string, TensorToWrite]> {
  for (const [name, x] of tensors) yield [name, { dtype: 'F32', shape: x.shape, bytes: () => x.bytes() }];
}

/**
 * Writes weights (model.safetensors, or what `saveModel` writes), the optimizer's tensors (`optimizer/`), and data
 * position and counts (training.json) into a folder that exists and is empty; see CheckpointStore for atomicity.
 *
 * @throws FormatsError `write_failed`; what `saveModel` throws; EEXIST of the system for a folder that has a state.
 *
 * @example
 * ```ts
 * import { mkdtemp, readdir } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
 * import { createModel } from '@tessera-llm/models';
 * import { AdamW } from '@tessera-llm/optimizers';
 * import { writeTrainingState } from '@tessera-llm/training';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
 * const source = tokensFromArrays([[1, 2, 3, 4, 5]], { vocabSize: 64 });
 * const loader = new TokenLoader(source, { batchSize: 1, seqLen: 4, seed: 0 });
 * const parts = { model, optimizer: new AdamW(model.namedParameters(), { lr: 1e-3 }), loader };
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * const numbers = { step: 50, tokens: 200, seed: 0, evaluationDue: false, best: null };
 * await writeTrainingState(folder, parts, numbers);
 * console.log((await readdir(folder)).sort()); // ['model.safetensors', 'optimizer', 'training.json']
 * ```
 */
export async function writeTrainingState(
  folder: string,
  parts: TrainingState,
  options: Progressed & WriteTrainingStateOptions,
): Promise<void> {
  const { saveModel, ...progressed } = options;
  const loader = z.json().safeParse(parts.loader.state());
  if (!loader.success) {
    throw new TrainingError('data', '[writeTrainingState] expected a loader whose state() is plain JSON', {
      cause: loader.error,
    });
  }
  const { steps, tensors } = parts.optimizer.state();
  if (saveModel) await saveModel(folder);
  else await writeCheckpoint(folder, rawTensors(parts.model.namedParameters()));
  await mkdir(join(folder, optimizerFolder), { recursive: true });
  await writeCheckpoint(join(folder, optimizerFolder), rawTensors(Object.entries(tensors)));
  await writeJsonFile(join(folder, stateFile), {
    format: 1,
    ...progressed,
    optimizerSteps: { ...steps },
    loader: loader.data,
  });
}

async function readTensors(folder: string): Promise<Map<string, Tensor>> {
  const reader = await openCheckpoint(folder);
  const found = new Map<string, Tensor>();
  try {
    for (const name of reader.tensors.keys()) {
      const { dtype, shape, bytes } = await reader.read(name);
      if (dtype !== 'F32') {
        throw new TrainingError('checkpoint', `[resume] expected ${name} in float32, got ${dtype} (${folder})`);
      }
      found.set(name, fromBytes(bytes, shape, 'float32'));
    }
    return found;
  } catch (error) {
    for (const x of found.values()) x.dispose();
    throw error;
  } finally {
    await reader.close();
  }
}

/**
 * The numbers of a checkpoint, from the training.json of its folder, with the step counts of the optimizer's parameters
 * and the loader's position; no tensor is read.
 *
 * @throws TrainingError `checkpoint` for a file of another form; FormatsError `missing_file`, `read_failed`,
 * `invalid_json`.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
 * import { createModel } from '@tessera-llm/models';
 * import { AdamW } from '@tessera-llm/optimizers';
 * import { readProgressed, writeTrainingState } from '@tessera-llm/training';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
 * const source = tokensFromArrays([[1, 2, 3, 4, 5]], { vocabSize: 64 });
 * const loader = new TokenLoader(source, { batchSize: 1, seqLen: 4, seed: 0 });
 * const parts = { model, optimizer: new AdamW(model.namedParameters(), { lr: 1e-3 }), loader };
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * const numbers = { step: 50, tokens: 200, seed: 0, evaluationDue: false, best: null };
 * await writeTrainingState(folder, parts, numbers);
 * const { step, best } = await readProgressed(folder);
 * console.log(step, best); // 50 null
 * ```
 */
export async function readProgressed(
  folder: string,
): Promise<Progressed & { readonly optimizerSteps: Readonly<Record<string, number>>; readonly loader: JsonValue }> {
  const parsed = schema.safeParse(await readJsonFile(join(folder, stateFile)));
  if (parsed.success) return parsed.data;
  throw new TrainingError(
    'checkpoint',
    `[resume] expected a ${stateFile} of this package in ${folder}, got:\n${z.prettifyError(parsed.error)}`,
  );
}

/**
 * Takes a run's state back from a folder that `writeTrainingState` filled, bit for bit: first the weights, then the
 * optimizer, then the loader. Where one of them refuses, those before it have changed already.
 *
 * @returns The numbers of the checkpoint.
 * @throws TrainingError `checkpoint` naming the folder and the cause, the error of the package that refused its part:
 * a damaged checkpoint, or that of another model or run. FormatsError `missing_file`, `read_failed`, `invalid_json` for
 * its training.json.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
 * import { createModel } from '@tessera-llm/models';
 * import { AdamW } from '@tessera-llm/optimizers';
 * import { readTrainingState, writeTrainingState } from '@tessera-llm/training';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
 * const source = tokensFromArrays([[1, 2, 3, 4, 5]], { vocabSize: 64 });
 * const loader = new TokenLoader(source, { batchSize: 1, seqLen: 4, seed: 0 });
 * const parts = { model, optimizer: new AdamW(model.namedParameters(), { lr: 1e-3 }), loader };
 * const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
 * const numbers = { step: 50, tokens: 200, seed: 0, evaluationDue: false, best: null };
 * await writeTrainingState(folder, parts, numbers);
 * const { step, tokens } = await readTrainingState(folder, parts);
 * console.log(step, tokens); // 50 200
 * ```
 */
export async function readTrainingState(folder: string, parts: TrainingState): Promise<Progressed> {
  const { optimizerSteps, loader, ...progressed } = await readProgressed(folder);
  const loaded: Tensor[] = [];
  try {
    const weights = await readTensors(folder);
    loaded.push(...weights.values());
    const moments = await readTensors(join(folder, optimizerFolder));
    loaded.push(...moments.values());
    scope(() => {
      parts.model.load(weights);
      parts.optimizer.load({ steps: optimizerSteps, tensors: moments });
    });
    parts.loader.load(loader);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new TrainingError(
      'checkpoint',
      `[resume] expected the state of this run in ${folder}, got: ${what}. ` +
        'If the folder is damaged, remove it to go on from the checkpoint before it',
      { cause },
    );
  } finally {
    for (const x of loaded) x.dispose();
  }
  return progressed;
}
