import { createModel } from '@tessera-llm/models';
import { AdamW } from '@tessera-llm/optimizers';
import { full, scaleInPlace, scope } from '@tessera-llm/tensor';
import { Tokenizer, template, trainBpe } from '@tessera-llm/tokenizers';
import type { Preset } from './options.js';

/** Begins and ends every text. */
const endOfText = '<|endoftext|>';

/** Settings of the optimizer that every size shares. */
export const optimizerSettings = { betas: [0.9, 0.95], weightDecay: 0.1 } as const;

export type LanguageModel = ReturnType<typeof createModel>;

/** 4,096 entries learned from the training texts; the tokenizer puts the beginning-of-sequence token before every text. */
export async function makeTokenizer(texts: readonly string[], signal: AbortSignal): Promise<Tokenizer> {
  const trained = await trainBpe(texts, {
    vocabSize: 4096,
    specialTokens: [endOfText],
    onProgress: () => signal.throwIfAborted(),
  });
  return new Tokenizer({
    ...trained.parts,
    postProcessor: template({ before: [{ token: endOfText, id: endId(trained) }] }),
  });
}

/** Id of the token that begins and ends every text. */
export function endId(tokenizer: Tokenizer): number {
  const id = tokenizer.tokenToId(endOfText);
  if (id === undefined) throw new Error(`expected a tokenizer with ${endOfText}, got one without`);
  return id;
}

/** A Llama with tied embeddings; what writes into the residual stream starts smaller, as in GPT-2. */
export function makeModel(preset: Preset, tokenizer: Tokenizer, seed: number): LanguageModel {
  const end = endId(tokenizer);
  const model = createModel(
    {
      model_type: 'llama',
      vocab_size: tokenizer.vocabSize,
      hidden_size: preset.hidden,
      intermediate_size: preset.intermediate,
      num_hidden_layers: preset.layers,
      num_attention_heads: preset.heads,
      max_position_embeddings: preset.context,
      initializer_range: preset.initializerRange,
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

/** AdamW that decays matrices, not the weights of norms. */
export function makeOptimizer(model: LanguageModel, learningRate: number): AdamW {
  const all = [...model.namedParameters()];
  const params = all.filter(([, p]) => p.rank >= 2);
  const vectors = all.filter(([, p]) => p.rank < 2);
  return new AdamW([{ params }, { params: vectors, weightDecay: 0 }], { lr: learningRate, ...optimizerSettings });
}
