/** The 135M Llama that several areas share: random weights in a folder, or what --model names. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Model, createModel, open, save } from '@tessera-llm/models';
import { type Context, Unavailable } from './area';

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
export const weightsPerStep = layerWeights + headWeights;

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
  readonly compute: 'bfloat16' | 'float32';
  /** Bytes of a weight as the products read it. */
  readonly bytesPerWeight: number;
}

/** One entry a way to run the model. */
export const formats: readonly Format[] = [
  { name: 'float32', dtype: 'float32', compute: 'float32', bytesPerWeight: 4 },
  { name: 'bfloat16', dtype: 'bfloat16', compute: 'bfloat16', bytesPerWeight: 2 },
];

/** Where the model with random weights lies. */
export const llamaFolder = ({ folder }: Context): string => join(folder, 'llama-135m');

/** Writes the random weights once, unless --model replaces them. */
export async function prepareLlama(context: Context): Promise<void> {
  const folder = llamaFolder(context);
  if (context.model !== null || existsSync(folder)) return;
  await save(folder, { model: createModel(llamaConfig, { seed: 1 }) });
}

/** Our side's model. */
export async function openLlama(context: Context, { compute }: Format): Promise<Model> {
  try {
    const { model } = await open(context.model ?? llamaFolder(context), { compute });
    return model;
  } catch (error) {
    throw new Unavailable(error instanceof Error ? error.message : String(error));
  }
}
