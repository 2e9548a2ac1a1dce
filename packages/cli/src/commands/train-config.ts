import { readJsonFile } from '@tessera-llm/formats';
import { z } from 'zod';
import { CliError } from '../errors';

const positive = z.number().positive();
const count = z.int().positive();
const fraction = z.number().min(0).lt(1);

/** The configuration of `tessera train`; the README explains every field. Paths are relative to the file. */
export const trainConfig = z.strictObject({
  model: z.looseObject({ model_type: z.string() }),
  tokenizer: z.string(),
  data: z.strictObject({ train: z.array(z.string()).min(1), validation: z.array(z.string()).default([]) }),
  steps: count,
  seqLen: count,
  batchSize: count.default(8),
  gradAccumSteps: count.default(1),
  optimizer: z.strictObject({
    name: z.literal('adamw').default('adamw'),
    lr: positive,
    betas: z.tuple([fraction, fraction]).default([0.9, 0.95]),
    eps: positive.default(1e-8),
    weightDecay: z.number().nonnegative().default(0.1),
  }),
  schedule: z
    .strictObject({
      type: z.enum(['constant', 'cosine', 'linear']).default('cosine'),
      warmupSteps: z.int().nonnegative().default(0),
    })
    .prefault({}),
  clipNorm: positive.nullable().default(1),
  labelSmoothing: fraction.default(0),
  onNonFinite: z.enum(['throw', 'skip']).default('throw'),
  compute: z.enum(['float32', 'bfloat16']).default('float32'),
  seed: z.int().nonnegative().default(0),
  evalEvery: count.default(200),
  checkpointEvery: count.default(200),
  keepCheckpoints: count.default(2),
});

export type TrainConfig = z.output<typeof trainConfig>;

/**
 * Reads and checks a configuration.
 *
 * @throws CliError `config` listing every field that is wrong; FormatsError `missing_file`, `invalid_json`.
 */
export async function readTrainConfig(file: string): Promise<TrainConfig> {
  const parsed = trainConfig.safeParse(await readJsonFile(file));
  if (parsed.success) return parsed.data;
  throw new CliError(
    'config',
    `expected a training configuration in ${file} (the README of @tessera-llm/cli shows the format), got:\n` +
      z.prettifyError(parsed.error),
  );
}
