import { z } from 'zod';

const positive = z.number().positive();
const count = z.int().positive();

/** The configuration of `tessera train`. Paths are relative to the file. */
export const trainConfig = z.strictObject({
  /** config.json of the model: model_type and its fields; vocab_size comes from the tokenizer. */
  model: z.looseObject({ model_type: z.string() }),
  /** tokenizer.json. */
  tokenizer: z.string(),
  /** UTF-8 text files, one document each. */
  data: z.strictObject({ train: z.array(z.string()).min(1), validation: z.array(z.string()).default([]) }),
  steps: count,
  batchSize: count.default(8),
  seqLen: count,
  gradAccumSteps: count.default(1),
  optimizer: z.strictObject({
    lr: positive,
    betas: z.tuple([z.number(), z.number()]).default([0.9, 0.95]),
    eps: positive.default(1e-8),
    weightDecay: z.number().nonnegative().default(0.1),
  }),
  schedule: z
    .strictObject({
      type: z.enum(['constant_with_warmup', 'cosine', 'linear']).default('cosine'),
      warmupSteps: z.int().nonnegative().default(0),
    })
    .prefault({}),
  clipNorm: positive.nullable().default(1),
  compute: z.enum(['float32', 'bfloat16']).default('float32'),
  seed: z.int().nonnegative().default(0),
  evalEvery: count.default(200),
  checkpointEvery: count.default(200),
});

export type TrainConfig = z.output<typeof trainConfig>;
