/** The areas of inference: reading a prompt and decoding after it, for one sequence and for several. */
import { generateBatchStream } from '@tessera-llm/generation';
import type { Model } from '@tessera-llm/models';
import type { Area, Case, Context, Peer, Seconds } from '../area';
import {
  type Format,
  cacheBytesPerToken,
  formats,
  llamaFolder,
  openLlama,
  prefillFlops,
  prepareLlama,
  weightsPerStep,
} from '../llama';
import { randomIds } from '../random-ids';

/** What one repetition does. */
interface Load {
  readonly streams: number;
  readonly promptTokens: number;
  /** New tokens of each stream, the first of which comes with the prompt. */
  readonly newTokens: number;
}

/** Greedy continuation of random prompts: seconds until every stream has its first token, and from there to the end. */
async function repetition(model: Model, { streams, promptTokens, newTokens }: Load): Promise<Seconds> {
  const requests = Array.from({ length: streams }, (_, seed) => ({
    promptIds: randomIds(promptTokens, { vocabulary: model.vocabSize, seed }),
    maxTokens: newTokens,
    temperature: 0,
  }));
  const start = performance.now();
  let first = start;
  let begun = 0;
  for await (const { index } of generateBatchStream(model, requests)) {
    if (index === 0 && ++begun === streams) first = performance.now();
  }
  const end = performance.now();
  return { prefill: (first - start) / 1000, decode: (end - first) / 1000 };
}

function transformers(context: Context, format: Format, load: Load): Peer {
  return {
    name: 'transformers',
    program: 'python',
    script: 'generate.py',
    args: { folder: context.model ?? llamaFolder(context), dtype: format.compute, ...load },
  };
}

function inference(area: string, about: string, load: Load, wanted: readonly ('decode' | 'prefill')[]): Area {
  const { streams, promptTokens, newTokens } = load;
  const prefill = {
    name: 'prefill',
    unit: 'tokens/s',
    work: streams * promptTokens,
  };
  const cases = (context: Context): Case[] =>
    formats.map((format) => {
      const { compute, bytesPerWeight } = format;
      const read = bytesPerWeight * weightsPerStep + streams * promptTokens * cacheBytesPerToken(compute);
      const figures = {
        prefill: {
          ...prefill,
          ceiling: { kind: compute, work: streams * prefillFlops(promptTokens) },
        },
        decode: {
          name: 'decode',
          unit: 'tokens/s',
          work: streams * (newTokens - 1),
          ceiling: { kind: 'bandwidth', work: read * (newTokens - 1) },
        },
      } as const;
      return {
        name: `Llama 135M ${streams}x(${promptTokens}+${newTokens}) ${format.name}`,
        dtype: format.dtype,
        compute,
        figures: wanted.map((name) => figures[name]),
        peers: [transformers(context, format, load)],
        prepare: () => prepareLlama(context),
        async open() {
          const model = await openLlama(context, format);
          return { run: () => repetition(model, load) };
        },
      };
    });
  return { name: area, about, cases };
}

/** Reading a prompt of 512 tokens. */
export const prefill = inference(
  'prefill',
  'a prompt of 512 tokens until its first token',
  { streams: 1, promptTokens: 512, newTokens: 1 },
  ['prefill'],
);

/** Decoding one stream. */
export const decode = inference(
  'decode',
  'one stream, tokens after the first; the ceiling is reading weights and cache',
  { streams: 1, promptTokens: 16, newTokens: 65 },
  ['decode'],
);

/** Decoding sixteen streams together. */
export const batch = inference(
  'batch',
  '16 streams, tokens of all of them after the first; the ceiling is reading weights and cache once a step',
  { streams: 16, promptTokens: 16, newTokens: 33 },
  ['decode'],
);

/** A long prompt and what follows it. */
export const long = inference(
  'long',
  'a prompt of 8,064 tokens, and 64 tokens after it',
  { streams: 1, promptTokens: 8064, newTokens: 65 },
  ['prefill', 'decode'],
);
