import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
import { generate } from '@tessera-llm/generation';
import { open, save } from '@tessera-llm/models';
import { createSchedule } from '@tessera-llm/optimizers';
import { defaultBackend, setBackend } from '@tessera-llm/tensor';
import type { Tokenizer } from '@tessera-llm/tokenizers';
import {
  CheckpointStore,
  type HeldOutDocument,
  Progress,
  type RunFile,
  checkSameRun,
  formatCount,
  heldOutLoss,
  packageVersions,
  readRunFile,
  train,
  writeRunFile,
} from '@tessera-llm/training';
import { calibrateSteps } from './calibrate.js';
import { readCorpus } from './corpus.js';
import {
  type LanguageModel,
  endId,
  makeModel,
  makeOptimizer,
  makeTokenizer,
  optimizerSettings,
} from './language-model.js';
import { type Options, type Preset, type Size, presets } from './options.js';

/** Decides the first weights, the order of the texts and the samples. */
const seed = 1;
const clipNorm = 1;
const packages = ['tensor', 'models', 'optimizers', 'training', 'data', 'tokenizers', 'generation'];

/** What the last line on standard output says. */
export interface Report {
  /** The model, in Hugging Face format. */
  readonly folder: string;
  readonly steps: number;
  readonly valBitsPerByte: number;
  /** Nats per token. */
  readonly valLoss: number;
  readonly parameters: number;
  readonly backend: string;
  readonly sample: string;
  readonly seconds: { readonly tokenizer: number; readonly training: number; readonly total: number };
}

/** Where it runs. */
export interface Surroundings {
  readonly signal: AbortSignal;
  /** Writes a line for people. */
  readonly say: (text: string) => void;
}

/**
 * From texts to a model that writes: tokenizer, training with checkpoints, measuring, saving, opening, generating.
 *
 * @returns null if the signal stopped it; what was trained is saved then, and the same call goes on.
 */
export async function quickstart(options: Options, { signal, say }: Surroundings): Promise<Report | null> {
  const began = performance.now();
  const secondsSince = (start: number): number => (performance.now() - start) / 1000;
  if (options.backend !== null) setBackend(options.backend);
  const { name: backend } = defaultBackend();
  const size = chooseSize(options, backend, say);
  const preset = presets[size];

  const corpus = await readCorpus(options.text);
  say(`${corpus.train.length} texts to learn from, ${corpus.heldOut.length} held out; training the tokenizer …`);
  const tokenizer = await makeTokenizer(corpus.train, signal);
  const end = endId(tokenizer);
  const source = tokensFromArrays(
    corpus.train.map((text) => [...tokenizer.encodeIds(text), end]),
    { vocabSize: tokenizer.vocabSize },
  );
  const heldOut = corpus.heldOut.map((text) => ({ ids: tokenizer.encodeIds(text), bytes: Buffer.byteLength(text) }));
  const tokenizerSeconds = secondsSince(began);

  const { context, batchSize } = preset;
  const newLoader = (): TokenLoader => new TokenLoader(source, { batchSize, seqLen: context, seed });
  const newModel = (): LanguageModel => makeModel(preset, tokenizer, seed);
  await mkdir(options.out, { recursive: true });
  const begun = await readRunFile(options.out);
  const steps =
    options.steps ??
    stepsOf(begun) ??
    (await calibrateSteps(preset, { model: newModel(), loader: newLoader(), signal }));
  await describeRun(options.out, begun, {
    configuration: {
      size,
      ...modelSettings(preset),
      ...optimizerSettings,
      betas: [...optimizerSettings.betas],
      clipNorm,
      steps,
      backend,
    },
    seeds: { model: seed, data: seed },
    data: { text: corpus.fingerprint, tokens: source.fingerprint },
  });

  const model = newModel();
  const store = new CheckpointStore(join(options.out, 'checkpoints'));
  const resumed = (await store.steps()).at(-1) ?? 0;
  say(
    `${formatCount(model.parameterCount())} parameters, ${formatCount(source.tokenCount)} tokens, ${steps} steps of ` +
      `${batchSize * context} tokens on the ${backend} backend${resumed > 0 ? `, from step ${resumed}` : ''}`,
  );
  const progress = new Progress({ steps });
  const beginnings = heldOut.map((document) => beginningOf(document, 2 * context, tokenizer));
  const every = Math.ceil(steps / 6);
  const trainingBegan = performance.now();
  let aside = 0;
  const { stopped, step } = await train({
    model,
    loader: newLoader(),
    optimizer: makeOptimizer(model, preset.learningRate),
    schedule: createSchedule({ type: 'linear', warmupSteps: Math.ceil(steps / 20), totalSteps: steps }),
    steps,
    clipNorm,
    checkpoints: { store, every, saveModel: (folder) => save(folder, { model, tokenizer }) },
    evaluate: {
      every,
      run: async (step) => {
        const at = performance.now();
        const { loss, bitsPerByte } = await heldOutLoss(model, beginnings, { window: context, signal });
        progress.note(
          `after ${step} steps, on the beginnings of the held-out texts: loss ${loss.toFixed(3)}, ${bitsPerByte.toFixed(3)} bits per byte`,
        );
        progress.note(
          `  ${await write(model, tokenizer, { prompt: 'The people of this country', maxTokens: 40, signal })}`,
        );
        aside += secondsSince(at);
        return { loss, bitsPerByte };
      },
    },
    log: join(options.out, 'log.jsonl'),
    progress,
    signal,
  });
  if (stopped) {
    say(`stopped after ${step} of ${steps} steps and saved; the same command goes on from there`);
    return null;
  }
  const trainingSeconds = secondsSince(trainingBegan) - aside;

  const folder = join(options.out, 'model');
  await save(folder, { model, tokenizer });
  say(`saved to ${folder}; measuring on all of the held-out texts …`);
  const opened = await open(folder);
  const { loss, bitsPerByte } = await heldOutLoss(opened.model, heldOut, { window: context, signal });
  const sample = await write(opened.model, opened.tokenizer ?? tokenizer, {
    prompt: 'My fellow citizens, the state of the Union',
    maxTokens: 100,
    signal,
  });
  say(`loss ${loss.toFixed(3)}, ${bitsPerByte.toFixed(3)} bits per byte on held-out text\n\n${sample}\n`);
  return {
    folder,
    steps,
    valBitsPerByte: bitsPerByte,
    valLoss: loss,
    parameters: model.parameterCount(),
    backend,
    sample,
    seconds: { tokenizer: tokenizerSeconds, training: trainingSeconds, total: secondsSince(began) },
  };
}

function chooseSize({ size }: Options, backend: string, say: (text: string) => void): Size {
  if (size !== null) return size;
  if (backend === 'native') return 'small';
  say(
    `the ${backend} backend is slow: training the tiny model instead of the small one (a C++ compiler makes it fast)`,
  );
  return 'tiny';
}

/** What the weights depend on; the time that calibration was given is not part of it, the steps that it gave are. */
function modelSettings(preset: Preset) {
  const { seconds: _seconds, leastSteps: _least, mostSteps: _most, ...settings } = preset;
  return settings;
}

function stepsOf(begun: RunFile | undefined): number | null {
  const steps = begun?.configuration.steps;
  return typeof steps === 'number' ? steps : null;
}

/** Writes the run's settings, or makes sure that a run that goes on has the same ones. */
async function describeRun(
  out: string,
  begun: RunFile | undefined,
  description: Parameters<typeof writeRunFile>[1],
): Promise<void> {
  if (begun) return checkSameRun(begun, description);
  const names = packages.map((name) => `@tessera-llm/${name}`);
  await writeRunFile(out, description, {
    versions: packageVersions(names, import.meta.url),
    environment: { platform: process.platform, arch: process.arch },
  });
}

/** The first tokens of a document: enough to see how training goes, without the time that all of it takes. */
function beginningOf({ ids }: HeldOutDocument, length: number, tokenizer: Tokenizer): HeldOutDocument {
  const first = Array.from(ids).slice(0, length + 1);
  return { ids: first, bytes: Buffer.byteLength(tokenizer.decode(first, { skipSpecialTokens: true })) };
}

interface Writing {
  readonly prompt: string;
  readonly maxTokens: number;
  readonly signal: AbortSignal;
}

/** What the model writes after a prompt, on one line. */
async function write(
  model: LanguageModel,
  tokenizer: Tokenizer,
  { prompt, maxTokens, signal }: Writing,
): Promise<string> {
  const { text } = await generate(model, tokenizer.encodeIds(prompt), {
    maxTokens,
    temperature: 0.8,
    topP: 0.95,
    seed,
    endIds: [endId(tokenizer)],
    decoder: () => tokenizer.decodeStream(),
    signal,
  });
  return `${prompt}${text}`.replace(/\s+/g, ' ');
}
