import { join } from 'node:path';
import { TokenLoader } from '@tessera-llm/data';
import type { JsonObject } from '@tessera-llm/formats';
import { type Model, createModel, save } from '@tessera-llm/models';
import { AdamW, type Schedule, createSchedule } from '@tessera-llm/optimizers';
import { defaultBackend, setBackend } from '@tessera-llm/tensor';
import {
  CheckpointStore,
  Progress,
  checkSameRun,
  formatCount,
  heldOutLoss,
  packageVersions,
  readRunFile,
  train,
  writeRunFile,
} from '@tessera-llm/training';
import { z } from 'zod';
import { CliError } from '../errors';
import type { CommandContext } from '../main';
import { type TrainConfig, readTrainConfig } from './train-config';
import { type TrainData, type TrainTokenizer, readTrainData, readTrainTokenizer } from './train-data';

/** Options of `tessera train`. */
export interface TrainCommandOptions {
  readonly out: string;
  readonly steps?: number;
  readonly resume?: boolean;
  readonly backend?: string;
}

/** `tessera train`: a run as its configuration says. */
export async function trainModel(
  configFile: string,
  options: TrainCommandOptions,
  context: CommandContext,
): Promise<void> {
  const { output, signal } = context;
  const { out } = options;
  const config = await readTrainConfig(configFile);
  // Fewer steps than configured end a run early, under the schedule of the whole; more make it longer.
  const steps = Math.max(config.steps, options.steps ?? 0);
  const begun = await readRunFile(out);
  if (begun && !options.resume) {
    throw new CliError('usage', `expected a folder without a run, got one in ${out}; --resume goes on with it`);
  }
  if (options.resume && !begun) throw new CliError('usage', `expected a run to resume in ${out}, got none`);
  if (options.backend !== undefined) setBackend(options.backend);

  const text = await readTrainTokenizer(config, configFile);
  // Before the texts, which may take long: a configuration that makes no model is refused at once.
  const model = makeModel(config, text);
  let data: TrainData | undefined;
  try {
    data = await readTrainData(config, text, { configFile, out, resumed: begun !== undefined, output, signal });
    const description = {
      configuration: z.record(z.string(), z.json()).parse({ ...config, steps }),
      seeds: { model: config.seed, data: config.seed, dropout: config.seed },
      data: data.fingerprints,
    };
    if (begun) checkSameRun(begun, description);
    else {
      const names = ['data', 'models', 'optimizers', 'tensor', 'tokenizers', 'training'];
      await writeRunFile(out, description, {
        versions: packageVersions(
          names.map((name) => `@tessera-llm/${name}`),
          import.meta.url,
        ),
        environment: { platform: process.platform, arch: process.arch, backend: defaultBackend().name },
      });
    }
    const count = formatCount(model.parameterCount());
    output.note(`${count} parameters, ${steps} steps on the ${defaultBackend().name} backend`);
    await run(
      model,
      { ...text, ...data },
      { config, steps, stopAfter: Math.min(steps, options.steps ?? steps), out, context },
    );
  } finally {
    model.dispose();
    await data?.source.close();
  }
}

interface RunSettings {
  readonly config: TrainConfig;
  readonly steps: number;
  readonly stopAfter: number;
  readonly out: string;
  readonly context: CommandContext;
}

async function run(model: Model, data: TrainData & TrainTokenizer, settings: RunSettings): Promise<void> {
  const { config, steps, stopAfter, out, context } = settings;
  const { output, signal } = context;
  const { seqLen, batchSize, seed, clipNorm, labelSmoothing, gradAccumSteps, onNonFinite } = config;
  const { tokenizer, source, heldOut } = data;
  const progress = new Progress({ steps, stream: output.stderr });
  let validation: JsonObject | null = null;
  const evaluate = async (): Promise<JsonObject> => {
    const { loss, bitsPerByte } = await heldOutLoss(model, heldOut, { window: seqLen, signal });
    progress.note(`validation: loss ${loss.toFixed(4)}, ${bitsPerByte.toFixed(4)} bits per byte`);
    validation = { loss, bitsPerByte };
    return validation;
  };
  const optimizer = makeOptimizer(model, config);
  const { step, tokens, loss } = await train({
    model,
    optimizer,
    loader: new TokenLoader(source, { batchSize, seqLen, seed }),
    schedule: makeSchedule(config, steps),
    steps,
    stopAfter,
    gradAccumSteps,
    clipNorm,
    labelSmoothing,
    onNonFinite,
    seed,
    checkpoints: {
      store: new CheckpointStore(join(out, 'checkpoints'), { keep: config.keepCheckpoints }),
      every: config.checkpointEvery,
      saveModel: (folder) => save(folder, { model, tokenizer }),
    },
    ...(heldOut.length > 0 && { evaluate: { every: config.evalEvery, run: evaluate } }),
    log: join(out, 'log.jsonl'),
    progress,
    signal,
  }).finally(() => optimizer.dispose());
  if (signal.aborted) {
    throw new CliError('interrupted', `stopped after ${step} of ${steps} steps and saved; --resume goes on from there`);
  }
  const folder = join(out, 'model');
  await save(folder, { model, tokenizer });
  output.result(
    { folder, step, steps, tokens, loss, validation },
    `${step} of ${steps} steps, ${tokens} tokens; saved to ${folder}\n`,
  );
}

/** A new model; what the configuration leaves out follows from the tokenizer and the sequence length. */
function makeModel(config: TrainConfig, { tokenizer, boundaryId }: TrainTokenizer): Model {
  const { vocabSize } = tokenizer;
  const { vocab_size = vocabSize } = config.model;
  if (typeof vocab_size !== 'number' || vocab_size < vocabSize) {
    throw new CliError('config', `expected vocab_size of at least ${vocabSize}, the tokenizer's, got ${vocab_size}`);
  }
  const positions = config.model.model_type === 'gpt2' ? 'n_positions' : 'max_position_embeddings';
  const fields = { [positions]: config.seqLen, bos_token_id: boundaryId, eos_token_id: boundaryId, ...config.model };
  // createModel checks every field itself.
  const input = { ...fields, vocab_size } as Parameters<typeof createModel>[0];
  let model: Model;
  try {
    model = createModel(input, { seed: config.seed, compute: config.compute });
  } catch (cause) {
    throw new CliError('config', cause instanceof Error ? cause.message : String(cause), { cause });
  }
  if (model.positionLimit >= config.seqLen) return model;
  const limit = model.positionLimit;
  model.dispose();
  throw new CliError('config', `expected seqLen of at most ${limit}, the model's positions, got ${config.seqLen}`);
}

/** AdamW that decays matrices, not biases and norms. */
function makeOptimizer(model: Model, { optimizer: { name: _name, ...settings } }: TrainConfig): AdamW {
  const all = [...model.namedParameters()];
  const params = all.filter(([, p]) => p.rank >= 2);
  const vectors = all.filter(([, p]) => p.rank < 2);
  return new AdamW([{ params }, { params: vectors, weightDecay: 0 }], settings);
}

function makeSchedule({ schedule: { type, warmupSteps } }: TrainConfig, totalSteps: number): Schedule {
  return createSchedule(
    type === 'constant' ? { type: 'constant_with_warmup', warmupSteps } : { type, warmupSteps, totalSteps },
  );
}
