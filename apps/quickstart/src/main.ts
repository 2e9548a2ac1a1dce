import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
import { generate } from '@tessera-llm/generation';
import { createModel, open, save } from '@tessera-llm/models';
import { AdamW, createSchedule } from '@tessera-llm/optimizers';
import { defaultBackend, full, scaleInPlace, scope, setBackend } from '@tessera-llm/tensor';
import { Tokenizer, template, trainBpe } from '@tessera-llm/tokenizers';
import {
  CheckpointStore,
  Progress,
  RunLog,
  checkSameRun,
  formatCount,
  heldOutLoss,
  packageVersions,
  readRunFile,
  train,
  writeRunFile,
} from '@tessera-llm/training';
import { type Corpus, readCorpus } from './corpus.js';
import { type Options, type Preset, help, parseOptions, presets } from './options.js';

const seed = 1;
const endOfText = '<|endoftext|>';
const packages = ['tensor', 'models', 'optimizers', 'training', 'data', 'tokenizers', 'generation'];
const say = (text: string): void => void process.stderr.write(`${text}\n`);

type LanguageModel = ReturnType<typeof createModel>;

/** 4,096 entries learned from the training texts; a beginning-of-sequence token goes before every text. */
async function makeTokenizer(corpus: Corpus): Promise<Tokenizer> {
  const trained = await trainBpe(corpus.train, { vocabSize: 4096, specialTokens: [endOfText] });
  const id = trained.tokenToId(endOfText) as number;
  return new Tokenizer({ ...trained.parts, postProcessor: template({ before: [{ token: endOfText, id }] }) });
}

/** A Llama with tied embeddings; what writes into the residual stream starts smaller, as in GPT-2. */
function makeModel(preset: Preset, tokenizer: Tokenizer): LanguageModel {
  const end = tokenizer.tokenToId(endOfText) as number;
  const model = createModel(
    {
      model_type: 'llama',
      vocab_size: tokenizer.vocabSize,
      hidden_size: preset.hidden,
      intermediate_size: preset.intermediate,
      num_hidden_layers: preset.layers,
      num_attention_heads: preset.heads,
      num_key_value_heads: preset.keyHeads,
      max_position_embeddings: preset.context,
      tie_word_embeddings: true,
      rms_norm_eps: 1e-5,
      bos_token_id: end,
      eos_token_id: end,
    },
    { seed },
  );
  scope(() => {
    const factor = full([], 1 / Math.sqrt(2 * preset.layers));
    for (const [name, weight] of model.namedParameters()) {
      if (name.endsWith('o_proj.weight') || name.endsWith('down_proj.weight')) scaleInPlace(weight, factor);
    }
  });
  return model;
}

function makeOptimizer(model: LanguageModel, preset: Preset): AdamW {
  const all = [...model.namedParameters()];
  const matrices = all.filter(([, p]) => p.rank >= 2);
  const vectors = all.filter(([, p]) => p.rank < 2);
  return new AdamW([{ params: matrices }, { params: vectors, weightDecay: 0 }], {
    lr: preset.learningRate,
    betas: [0.9, 0.95],
    weightDecay: 0.1,
  });
}

async function write(model: LanguageModel, tokenizer: Tokenizer, prompt: string, maxTokens: number): Promise<string> {
  const { text } = await generate(model, tokenizer.encodeIds(prompt), {
    maxTokens,
    temperature: 0.8,
    topP: 0.95,
    seed,
    endIds: [tokenizer.tokenToId(endOfText) as number],
    decoder: () => tokenizer.decodeStream(),
  });
  return `${prompt}${text}`.replace(/\s+/g, ' ');
}

async function quickstart(options: Options, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  if (options.backend !== null) setBackend(options.backend);
  const { name: backend } = defaultBackend();
  const size = options.size ?? (backend === 'native' ? 'small' : 'tiny');
  if (options.size === null && size === 'tiny')
    say('reference backend: training the tiny model instead of the small one');
  await mkdir(options.out, { recursive: true });
  const begun = await readRunFile(options.out);
  const preset = { ...presets[size], ...(options.steps !== null && { steps: options.steps }) };

  const corpus = await readCorpus(options.text);
  say(`${corpus.train.length} texts to learn from, ${corpus.heldOut.length} held out; training the tokenizer …`);
  const tokenizer = await makeTokenizer(corpus);
  const bos = tokenizer.tokenToId(endOfText) as number;
  const source = tokensFromArrays(
    corpus.train.map((text) => [...tokenizer.encodeIds(text), bos]),
    { vocabSize: tokenizer.vocabSize },
  );
  const heldOut = corpus.heldOut.map((text) => ({ ids: tokenizer.encodeIds(text), bytes: Buffer.byteLength(text) }));
  const tokenizerSeconds = (performance.now() - began) / 1000;

  const model = makeModel(preset, tokenizer);
  const description = {
    configuration: { size, ...preset, weightDecay: 0.1, betas: [0.9, 0.95], clipNorm: 1, backend },
    seeds: { model: seed, data: seed },
    data: { text: corpus.fingerprint, tokens: source.fingerprint },
  };
  if (begun) checkSameRun(begun, description);
  else {
    const versions = packageVersions(
      packages.map((name) => `@tessera-llm/${name}`),
      import.meta.url,
    );
    await writeRunFile(options.out, description, {
      versions,
      environment: { platform: process.platform, arch: process.arch, backend },
    });
  }

  const store = new CheckpointStore(join(options.out, 'checkpoints'));
  await store.repair();
  const resumed = (await store.steps()).at(-1) ?? 0;
  const logFile = join(options.out, 'log.jsonl');
  const log = resumed > 0 ? await RunLog.resume(logFile, resumed) : await RunLog.create(logFile);
  const { steps, context, batchSize } = preset;
  say(
    `${formatCount(model.parameterCount())} parameters, ${formatCount(source.tokenCount)} tokens, ${steps} steps of ` +
      `${batchSize * context} tokens on the ${backend} backend${resumed > 0 ? `, from step ${resumed}` : ''}`,
  );
  const progress = new Progress({ steps });
  const trainingBegan = performance.now();
  let sampled = 0;
  const every = Math.max(1, Math.ceil(steps / 6));
  const result = await train({
    model,
    loader: new TokenLoader(source, { batchSize, seqLen: context, seed }),
    optimizer: makeOptimizer(model, preset),
    schedule: createSchedule({ type: 'linear', warmupSteps: Math.ceil(steps / 20), totalSteps: steps }),
    steps,
    clipNorm: 1,
    checkpoints: { store, every },
    evaluate: {
      every,
      run: async (step) => {
        const at = performance.now();
        // A few texts on the way; all of them at the end, below.
        const { loss, bitsPerByte } = await heldOutLoss(model, heldOut.slice(0, 2), { window: context, signal });
        progress.note(`held out after ${step} steps: loss ${loss.toFixed(3)}, ${bitsPerByte.toFixed(3)} bits per byte`);
        progress.note(`  ${await write(model, tokenizer, 'The people of this country', 40)}`);
        sampled += (performance.now() - at) / 1000;
        return { loss, bitsPerByte };
      },
    },
    log,
    progress,
    signal,
  });
  await log.close();
  if (result.stopped) {
    say(`stopped after ${result.step} of ${steps} steps and saved; the same command goes on from there`);
    process.exitCode = 130;
    return;
  }
  const trainingSeconds = (performance.now() - trainingBegan) / 1000 - sampled;
  say('measuring on all held-out texts …');
  const { bitsPerByte, loss } = await heldOutLoss(model, heldOut, { window: context, signal });
  const folder = join(options.out, 'model');
  await save(folder, { model, tokenizer });
  const again = await open(folder);
  const sample = await write(again.model, tokenizer, 'My fellow citizens, the state of the Union', 80);
  say(
    `loss ${loss.toFixed(3)}, ${bitsPerByte.toFixed(3)} bits per byte on held-out text; saved to ${folder}\n\n${sample}\n`,
  );
  const seconds = { tokenizer: tokenizerSeconds, training: trainingSeconds, total: (performance.now() - began) / 1000 };
  process.stdout.write(
    `${JSON.stringify({ folder, steps, valBitsPerByte: bitsPerByte, valLoss: loss, parameters: model.parameterCount(), backend, seconds })}\n`,
  );
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') return void process.stdout.write(help);
  const stop = new AbortController();
  const onSignal = (): void => {
    say('\nstopping: the step in hand is dropped, the last complete one saved …');
    stop.abort(new Error('stopped'));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  await quickstart(options, stop.signal);
}

main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
