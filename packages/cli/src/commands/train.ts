import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
import { type JsonObject, readJsonFile } from '@tessera-llm/formats';
import { createModel, save } from '@tessera-llm/models';
import { AdamW, createSchedule } from '@tessera-llm/optimizers';
import { defaultBackend, setBackend } from '@tessera-llm/tensor';
import { Tokenizer } from '@tessera-llm/tokenizers';
import {
  CheckpointStore,
  Progress,
  RunLog,
  checkSameRun,
  heldOutLoss,
  packageVersions,
  readRunFile,
  train,
  writeRunFile,
} from '@tessera-llm/training';
import { z } from 'zod';
import { CliError } from '../errors';
import type { CommandContext } from '../main';
import { type TrainConfig, trainConfig } from './train-config';

/** Options of `tessera train`. */
export interface TrainCommandOptions {
  readonly out: string;
  readonly steps?: number;
  readonly resume?: boolean;
  readonly backend?: string;
}

async function readConfig(file: string, steps: number | undefined): Promise<TrainConfig> {
  const parsed = trainConfig.safeParse(await readJsonFile(file));
  if (!parsed.success) {
    throw new CliError(
      'config',
      `expected a training configuration in ${file} (README: the format), got:\n${z.prettifyError(parsed.error)}`,
    );
  }
  return steps === undefined ? parsed.data : { ...parsed.data, steps };
}

function makeOptimizer(model: ReturnType<typeof createModel>, settings: TrainConfig['optimizer']): AdamW {
  const all = [...model.namedParameters()];
  const params = all.filter(([, p]) => p.rank >= 2);
  const vectors = all.filter(([, p]) => p.rank < 2);
  const groups = [{ params }, { params: vectors, weightDecay: 0 }].filter((g) => g.params.length > 0);
  return new AdamW(groups, settings);
}

/** `tessera train`: a run as its configuration says. */
export async function trainModel(
  configFile: string,
  options: TrainCommandOptions,
  context: CommandContext,
): Promise<void> {
  const { output, signal } = context;
  if (options.backend !== undefined) setBackend(options.backend);
  const config = await readConfig(configFile, options.steps);
  const at = (path: string): string => resolve(dirname(configFile), path);
  const { out } = options;
  await mkdir(out, { recursive: true });
  const store = new CheckpointStore(join(out, 'checkpoints'));
  await store.repair();
  const latest = (await store.steps()).at(-1);
  const begun = await readRunFile(out);
  if (begun && !options.resume) {
    throw new CliError(
      'usage',
      `expected an empty folder for a new run, got ${out} with a run in it; add --resume to go on with it`,
    );
  }
  if (options.resume && !begun) throw new CliError('usage', `expected a run to resume in ${out}, got none`);

  const tokenizer = Tokenizer.fromJSON(await readJsonFile(at(config.tokenizer)));
  const texts = (files: readonly string[]) => Promise.all(files.map((file) => readFile(at(file), 'utf8')));
  const hash = createHash('sha256');
  const trainTexts = await texts(config.data.train);
  const validationTexts = await texts(config.data.validation);
  for (const text of [...trainTexts, ...validationTexts]) hash.update(`${text.length}\n`).update(text);
  const source = tokensFromArrays(
    trainTexts.map((text) => tokenizer.encodeIds(text)),
    { vocabSize: tokenizer.vocabSize },
  );
  const heldOut = validationTexts.map((text) => ({ ids: tokenizer.encodeIds(text), bytes: Buffer.byteLength(text) }));

  // createModel checks every field itself.
  const modelConfig = { ...config.model, vocab_size: tokenizer.vocabSize } as Parameters<typeof createModel>[0];
  const model = createModel(modelConfig, { seed: config.seed, compute: config.compute });
  const { seed, steps } = config;
  const description = {
    configuration: z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(config))),
    seeds: { model: seed, data: seed },
    data: { text: hash.digest('hex'), tokens: source.fingerprint },
  };
  if (begun) checkSameRun(begun, description);
  else {
    const versions = packageVersions(
      ['@tessera-llm/models', '@tessera-llm/tensor', '@tessera-llm/training'],
      import.meta.url,
    );
    await writeRunFile(out, description, {
      versions,
      environment: { platform: process.platform, arch: process.arch, backend: defaultBackend().name },
    });
  }
  const logFile = join(out, 'log.jsonl');
  const log = latest !== undefined ? await RunLog.resume(logFile, latest) : await RunLog.create(logFile);
  const progress = new Progress({ steps, stream: output.stderr });
  const { type, warmupSteps } = config.schedule;
  const evaluate = async (): Promise<JsonObject> => {
    const { loss, bitsPerByte } = await heldOutLoss(model, heldOut, { window: config.seqLen, signal });
    progress.note(`validation: loss ${loss.toFixed(4)}, ${bitsPerByte.toFixed(4)} bits per byte`);
    return { loss, bitsPerByte };
  };
  try {
    const result = await train({
      model,
      loader: new TokenLoader(source, { batchSize: config.batchSize, seqLen: config.seqLen, seed }),
      optimizer: makeOptimizer(model, config.optimizer),
      schedule: createSchedule(
        type === 'constant_with_warmup' ? { type, warmupSteps } : { type, warmupSteps, totalSteps: steps },
      ),
      steps,
      gradAccumSteps: config.gradAccumSteps,
      clipNorm: config.clipNorm,
      seed,
      checkpoints: { store, every: config.checkpointEvery },
      ...(heldOut.length > 0 && { evaluate: { every: config.evalEvery, run: evaluate } }),
      log,
      progress,
      signal,
    });
    if (result.stopped) {
      throw new CliError(
        'interrupted',
        `stopped after ${result.step} of ${steps} steps and saved; --resume goes on from there`,
      );
    }
    const folder = join(out, 'model');
    await save(folder, { model, tokenizer });
    const { step, tokens, loss } = result;
    output.result({ folder, step, tokens, loss }, `${step} steps, ${tokens} tokens; saved to ${folder}\n`);
  } finally {
    await log.close();
    model.dispose();
  }
}
