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
import { mkdir } from 'node:fs/promises';
import { z } from 'zod';
import { TrainingError } from './errors';
import type { AnyOptimizer } from './step';

/** Whatever yields training batches and can say and take back where it stands, such as data's TokenLoader. */
export interface Resumable {
  /** Its position, as plain JSON. */
  state(): unknown;
  load(state: unknown): void;
}

/** Everything that a run goes on from. */
export interface TrainingState {
  readonly model: Module;
  readonly optimizer: AnyOptimizer;
  readonly loader: Resumable;
}

/** Numbers of a checkpoint besides tensors. */
export interface Progressed {
  /** Completed optimizer steps. */
  readonly step: number;
  /** Targets trained on so far. */
  readonly tokens: number;
}

const stateFile = 'training.json';
const schema = z.object({
  format: z.literal(1),
  step: z.int().nonnegative(),
  tokens: z.int().nonnegative(),
  optimizerSteps: z.record(z.string(), z.int().nonnegative()),
  loader: z.json(),
});

function* rawTensors(tensors: Iterable<readonly [string, Tensor]>): Generator<readonly [string, TensorToWrite]> {
  for (const [name, x] of tensors) yield [name, { dtype: 'F32', shape: x.shape, bytes: () => x.bytes() }];
}

/** Writes weights, optimizer state, data position and step counts into a folder; see CheckpointStore for atomicity. */
export async function writeTrainingState(folder: string, parts: TrainingState, progressed: Progressed): Promise<void> {
  const { steps, tensors } = parts.optimizer.state();
  await writeCheckpoint(folder, rawTensors(parts.model.namedParameters()));
  await mkdir(join(folder, 'optimizer'), { recursive: true });
  await writeCheckpoint(join(folder, 'optimizer'), rawTensors(Object.entries(tensors)));
  await writeJsonFile(join(folder, stateFile), {
    format: 1,
    ...progressed,
    optimizerSteps: { ...steps },
    loader: z.json().parse(parts.loader.state()) as JsonValue,
  });
}

async function readTensors(folder: string): Promise<Map<string, Tensor>> {
  const reader = await openCheckpoint(folder);
  try {
    const found = new Map<string, Tensor>();
    for (const name of reader.tensors.keys()) {
      const { dtype, shape, bytes } = await reader.read(name);
      if (dtype !== 'F32') throw new TrainingError('checkpoint', `[resume] expected ${name} in float32, got ${dtype}`);
      found.set(name, fromBytes(bytes, shape, 'float32'));
    }
    return found;
  } finally {
    await reader.close();
  }
}

/**
 * Takes a run's state back from a folder that `writeTrainingState` filled, bit for bit.
 *
 * @throws TrainingError `checkpoint`, FormatsError or LayersError for a damaged or foreign checkpoint.
 */
export async function readTrainingState(folder: string, parts: TrainingState): Promise<Progressed> {
  const parsed = schema.safeParse(await readJsonFile(join(folder, stateFile)));
  if (!parsed.success) {
    throw new TrainingError(
      'checkpoint',
      `[resume] expected a training.json of this package in ${folder}, got:\n${z.prettifyError(parsed.error)}`,
    );
  }
  const { step, tokens, optimizerSteps, loader } = parsed.data;
  const weights = await readTensors(folder);
  const moments = await readTensors(join(folder, 'optimizer'));
  try {
    scope(() => {
      parts.model.load(weights);
      parts.optimizer.load({ steps: optimizerSteps, tensors: moments });
    });
    parts.loader.load(loader);
  } finally {
    for (const x of [...weights.values(), ...moments.values()]) x.dispose();
  }
  return { step, tokens };
}
