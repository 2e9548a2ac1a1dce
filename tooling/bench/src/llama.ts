/** The 135M Llama that several areas share: random weights in a folder, or what --model names. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Model, type OpenOptions, createModel, open, save } from '@tessera-llm/models';
import { type Context, Unavailable } from './area';
import { ggufTokenizer } from './llama-gguf';

/** The shape of SmolLM2-135M. */
export const llamaConfig = {
  model_type: 'llama',
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  max_position_embeddings: 8192,
  rope_theta: 100000,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
} as const;

const { hidden_size: width, intermediate_size: inner, num_hidden_layers: layers } = llamaConfig;
const keyWidth = (width / llamaConfig.num_attention_heads) * llamaConfig.num_key_value_heads;
const layerWeights = layers * (2 * width * width + 2 * width * keyWidth + 3 * width * inner);
const headWeights = width * llamaConfig.vocab_size;

/** Weights that a decoding step reads: all layers and the head. */
const weightsPerStep = layerWeights + headWeights;

/** Bytes of keys and values of one token in all layers. */
export const cacheBytesPerToken = (compute: 'bfloat16' | 'float32'): number =>
  2 * layers * keyWidth * (compute === 'float32' ? 4 : 2);

/** Operations of reading a prompt: all layers for every token, the head for the last, attention's visible pairs. */
export function prefillFlops(tokens: number): number {
  return 2 * layerWeights * tokens + 2 * headWeights + 2 * layers * width * tokens * (tokens + 1);
}

/**
 * Operations of a training step of adapters: the frozen weights forward and for the gradient of their input, 4 for each weight
 * and token, and attention's visible pairs seven times. The adapter's own products are left out, 1 in 25.
 */
export function loraStepFlops(batch: number, length: number): number {
  const pairs = (batch * length * (length + 1)) / 2;
  return 4 * weightsPerStep * batch * length + 14 * layers * width * pairs;
}

/** How weights are stored and multiplied: the settings that the areas go through. */
export interface Format {
  readonly name: string;
  /** Stored weights, as the row's dtype. */
  readonly dtype: string;
  /** Precision of the products' inputs, as the row's compute. */
  readonly compute: 'bfloat16' | 'float32' | 'int8';
  /** How `open` keeps the weights. */
  readonly weights: 'bfloat16' | 'float32' | 'packed';
  /** The GGUF file that both sides read, by its blocks; null: the folder, which node-llama-cpp can't read. */
  readonly gguf: 'BF16' | 'Q4_0' | 'Q8_0' | null;
  /** Bytes of all weights that a decoding step reads; null: not known. */
  readonly bytesPerStep: number | null;
}

const randomFormats: readonly Format[] = [
  {
    name: 'float32',
    dtype: 'float32',
    compute: 'float32',
    weights: 'float32',
    gguf: null,
    bytesPerStep: 4 * weightsPerStep,
  },
  {
    name: 'bfloat16',
    dtype: 'bfloat16',
    compute: 'bfloat16',
    weights: 'bfloat16',
    gguf: 'BF16',
    bytesPerStep: 2 * weightsPerStep,
  },
  // Blocks of 32 values: 32 codes of 8 or 4 bits and a float16.
  {
    name: 'Q8_0',
    dtype: 'Q8_0',
    compute: 'int8',
    weights: 'packed',
    gguf: 'Q8_0',
    bytesPerStep: (34 / 32) * weightsPerStep,
  },
  {
    name: 'Q4_0',
    dtype: 'Q4_0',
    compute: 'int8',
    weights: 'packed',
    gguf: 'Q4_0',
    bytesPerStep: (18 / 32) * weightsPerStep,
  },
];

/** One entry a way to run the model: the random weights in every format, or the model of --model as it is stored. */
export function formatsOf({ model }: Context): readonly Format[] {
  if (model === null) return randomFormats;
  if (!model.endsWith('.gguf')) {
    return randomFormats
      .filter(({ gguf }) => gguf === null || gguf === 'BF16')
      .map((format) => ({ ...format, gguf: null, bytesPerStep: null }));
  }
  // The head of a small model is most often its embedding, so that a step reads the file.
  const bytesPerStep = existsSync(model) ? statSync(model).size : null;
  const stored = { dtype: 'stored', weights: 'packed', gguf: null, bytesPerStep } as const;
  return (['int8', 'bfloat16'] as const).map((compute) => ({ ...stored, name: `as stored, ${compute}`, compute }));
}

/** Where the model with random weights lies, for programs that read Hugging Face folders. */
export const llamaFolder = ({ folder }: Context): string => join(folder, 'llama-135m');

/** The GGUF file of a format; null: there is none. */
export function llamaGguf({ folder, model }: Context, { gguf }: Format): string | null {
  if (model !== null) return model.endsWith('.gguf') ? model : null;
  return gguf === null ? null : join(folder, `llama-135m-${gguf}.gguf`);
}

/** Writes the folder of the random weights once. */
export async function prepareLlamaFolder(context: Context): Promise<string> {
  const folder = llamaFolder(context);
  if (!existsSync(folder)) await save(folder, { model: createModel(llamaConfig, { seed: 1 }) });
  return folder;
}

/** Writes the random weights once, unless --model replaces them: the folder, and the format's file from it. */
export async function prepareLlama(context: Context, format: Format): Promise<void> {
  if (context.model !== null) return;
  const folder = await prepareLlamaFolder(context);
  const file = llamaGguf(context, format);
  if (file === null || existsSync(file)) return;
  const kept: OpenOptions =
    format.gguf === 'Q4_0' || format.gguf === 'Q8_0'
      ? { weights: 'packed', format: format.gguf }
      : { weights: 'bfloat16' };
  const { model } = await open(folder, kept);
  await save(file, { model, dtype: 'packed', metadata: ggufTokenizer(llamaConfig.vocab_size) });
}

/** Our side's model. */
export async function openLlama(context: Context, format: Format): Promise<Model> {
  const { weights, compute } = format;
  try {
    const { model } = await open(context.model ?? llamaGguf(context, format) ?? llamaFolder(context), {
      weights,
      compute,
    });
    return model;
  } catch (error) {
    throw new Unavailable(error instanceof Error ? error.message : String(error));
  }
}
