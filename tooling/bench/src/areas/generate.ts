/** The areas of inference: reading a prompt and decoding after it, for one sequence and for several. */
import { generateBatchStream } from '@tessera-llm/generation';
import type { Model } from '@tessera-llm/models';
import type { Area, Case, Context, Figure, Peer, Seconds } from '../area';
import {
  type Format,
  cacheBytesPerToken,
  formatsOf,
  llamaConfig,
  llamaFolder,
  llamaGguf,
  openLlama,
  prefillFlops,
  prepareLlama,
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

/** transformers keeps the weights in bfloat16 where ours are quantised. */
function transformers(context: Context, { compute }: Format, load: Load): Peer {
  return {
    name: 'transformers',
    program: 'python',
    script: 'generate.py',
    args: { folder: context.model ?? llamaFolder(context), dtype: compute === 'int8' ? 'bfloat16' : compute, ...load },
  };
}

function llamaCpp(context: Context, file: string, load: Load, flashAttention: boolean | 'auto'): Peer {
  return {
    name: 'node-llama-cpp',
    program: 'node',
    script: 'llama_cpp.mjs',
    args: { file, flashAttention, threads: context.threads, vocabulary: llamaConfig.vocab_size, ...load },
  };
}

/** What an area compares with: transformers for every format or for those that it has too, node-llama-cpp's settings. */
interface Others {
  readonly transformers: 'all' | 'same' | 'none';
  readonly flashAttention: readonly (boolean | 'auto')[];
}

function peersOf(context: Context, format: Format, load: Load, others: Others): Peer[] {
  const file = llamaGguf(context, format);
  const wanted =
    others.transformers === 'all' ||
    (others.transformers === 'same' && file !== context.model && format.weights !== 'packed');
  return [
    ...(wanted ? [transformers(context, format, load)] : []),
    ...(file === null ? [] : others.flashAttention.map((setting) => llamaCpp(context, file, load, setting))),
  ];
}

/** An area of one load, which measures the figures that are named. */
function inference(
  area: string,
  about: string,
  load: Load,
  settings: { readonly figures: readonly ('decode' | 'prefill')[]; readonly others: Others },
): Area {
  const { streams, promptTokens, newTokens } = load;
  const cases = (context: Context): Case[] =>
    formatsOf(context).map((format) => {
      const { compute, bytesPerStep } = format;
      // int8 is a precision of products with weights; the cache is bfloat16 then, and its ceiling isn't measured.
      const cache =
        streams * (promptTokens + newTokens / 2) * cacheBytesPerToken(compute === 'float32' ? compute : 'bfloat16');
      const read = bytesPerStep === null ? null : bytesPerStep + cache;
      const figures: Readonly<Record<'decode' | 'prefill', Figure>> = {
        prefill: {
          name: 'prefill',
          unit: 'tokens/s',
          work: streams * promptTokens,
          ...(compute !== 'int8' && { ceiling: { kind: compute, work: streams * prefillFlops(promptTokens) } }),
        },
        decode: {
          name: 'decode',
          unit: 'tokens/s',
          work: streams * (newTokens - 1),
          ...(read !== null && { ceiling: { kind: 'bandwidth', work: read * (newTokens - 1) } }),
        },
      };
      return {
        name: `Llama 135M ${streams}x(${promptTokens}+${newTokens}) ${format.name}`,
        dtype: format.dtype,
        compute,
        figures: settings.figures.map((name) => figures[name]),
        peers: peersOf(context, format, load, settings.others),
        prepare: () => prepareLlama(context, format),
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
  { figures: ['prefill'], others: { transformers: 'same', flashAttention: ['auto'] } },
);

/** Decoding one stream. */
export const decode = inference(
  'decode',
  'one stream, tokens after the first; the ceiling is reading weights and cache',
  { streams: 1, promptTokens: 16, newTokens: 65 },
  { figures: ['decode'], others: { transformers: 'same', flashAttention: ['auto'] } },
);

/** Decoding sixteen streams together. */
export const batch = inference(
  'batch',
  '16 streams, tokens of all of them after the first; the ceiling is reading weights and cache once a step',
  { streams: 16, promptTokens: 16, newTokens: 33 },
  { figures: ['decode'], others: { transformers: 'all', flashAttention: ['auto'] } },
);

/** A long prompt and what follows it. */
export const long = inference(
  'long',
  'a prompt of 8,064 tokens, and 64 tokens after it',
  { streams: 1, promptTokens: 8064, newTokens: 65 },
  { figures: ['prefill', 'decode'], others: { transformers: 'none', flashAttention: [false, true] } },
);
