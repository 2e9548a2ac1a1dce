import {
  type Batch,
  CausalLMModule,
  Embedding,
  type Head,
  Linear,
  Module,
  PreNormBlock,
  RMSNorm,
  type RopeParameters,
  Rotary,
  beginPass,
  endPass,
  runLayers,
} from '@tessera-llm/layers';
import { type Tensor, scope } from '@tessera-llm/tensor';
import { z } from 'zod';
import type { Architecture, Blueprint, BuildOptions, Model } from './architecture';
import {
  activation,
  count,
  epsilon,
  parseConfig,
  probability,
  ropeFields,
  ropeJson,
  ropeParameters,
  toJson,
  tokenIds,
} from './config';
import { ModelsError } from './errors';
import { llamaGguf } from './llama-gguf';

/** config.json of a Llama; defaults are transformers'. */
const schema = z
  .looseObject({
    model_type: z.literal('llama'),
    vocab_size: count().default(32000),
    hidden_size: count(2 ** 20).default(4096),
    intermediate_size: count(2 ** 22).default(11008),
    num_hidden_layers: count(4096).default(32),
    num_attention_heads: count(2 ** 16).default(32),
    num_key_value_heads: count(2 ** 16).nullish(),
    head_dim: count(2 ** 16).nullish(),
    hidden_act: activation.default('silu'),
    max_position_embeddings: count(2 ** 30).default(2048),
    initializer_range: z.number().min(0).max(10).default(0.02),
    rms_norm_eps: epsilon.default(1e-6),
    tie_word_embeddings: z.boolean().default(false),
    attention_bias: z.boolean().default(false),
    attention_dropout: probability.default(0),
    mlp_bias: z.boolean().default(false),
    bos_token_id: z.int().min(0).nullish().default(1),
    eos_token_id: tokenIds.default(2),
    pad_token_id: z.int().nullish(),
    ...ropeFields,
  })
  .refine((c) => c.num_attention_heads % (c.num_key_value_heads ?? c.num_attention_heads) === 0, {
    error: 'num_attention_heads must be a multiple of num_key_value_heads',
  })
  .refine((c) => (c.head_dim ?? c.hidden_size / c.num_attention_heads) % 2 === 0, {
    error: 'head_dim (default: hidden_size / num_attention_heads) must be an even whole number',
  });

/** What `createModel` takes for a Llama: every field but `model_type` has a default. */
export type LlamaConfigInput = z.input<typeof schema>;

/** A checked configuration with its defaults filled in, its rotary fields in the layout of transformers 5. */
export type LlamaConfig = ReturnType<typeof checked>;

function checked(json: unknown) {
  const { rope_theta, rope_scaling, rope_parameters, ...fields } = parseConfig(schema, json, 'llama');
  return {
    ...fields,
    num_key_value_heads: fields.num_key_value_heads ?? fields.num_attention_heads,
    head_dim: fields.head_dim ?? fields.hidden_size / fields.num_attention_heads,
    rope_parameters: wholeHeads(ropeParameters({ ...fields, rope_theta, rope_scaling, rope_parameters }, 'llama')),
  };
}

/** transformers' Llama rotates whole heads: it passes over a partial factor, or fails at its first token. */
function wholeHeads(parameters: RopeParameters): RopeParameters {
  const { partial_rotary_factor: part = 1 } = parameters;
  if (part === 1) return parameters;
  throw new ModelsError('invalid_config', `[llama] expected no partial_rotary_factor, or 1, got ${part}`);
}

/** The row that stands for padding; -1 is the last one, as in PyTorch, and an id outside the table has none. */
function paddingRow({ pad_token_id: id, vocab_size: rows }: LlamaConfig): number | null {
  return id == null || id < -rows || id >= rows ? null : id;
}

/** The decoder without its head: `model.*` of the checkpoint. */
class LlamaModel extends Module {
  readonly embed_tokens: Embedding;
  readonly layers: readonly PreNormBlock[];
  readonly norm: RMSNorm;

  constructor(config: LlamaConfig, { init, compute = 'float32' }: BuildOptions) {
    super();
    const { hidden_size: width, rms_norm_eps: eps } = config;
    this.embed_tokens = new Embedding(config.vocab_size, width, { init, paddingIdx: paddingRow(config) });
    this.layers = Array.from(
      { length: config.num_hidden_layers },
      (_, layer) =>
        new PreNormBlock({
          attention: {
            init,
            layer,
            width,
            numHeads: config.num_attention_heads,
            numKeyValueHeads: config.num_key_value_heads,
            headDim: config.head_dim,
            bias: config.attention_bias,
            dropout: config.attention_dropout,
            compute,
          },
          feedForward: {
            init,
            width,
            innerWidth: config.intermediate_size,
            activation: config.hidden_act,
            bias: config.mlp_bias,
            compute,
          },
          eps,
        }),
    );
    this.norm = new RMSNorm(width, { init, eps });
  }
}

/**
 * Llama (Touvron et al. 2023, arXiv:2302.13971, and its successors): pre-norm blocks with RMS norms, rotary positions,
 * grouped keys and SwiGLU. `createModel` and `open` make one.
 *
 * @example
 * ```ts
 * import { LlamaForCausalLM, createModel } from '@tessera-llm/models';
 * const model = createModel(
 *   {
 *     model_type: 'llama', vocab_size: 50, hidden_size: 8, intermediate_size: 16,
 *     num_hidden_layers: 2, num_attention_heads: 2,
 *   },
 *   { seed: 1 },
 * );
 * if (model instanceof LlamaForCausalLM) console.log(model.model.layers.length, model.config.head_dim); // 2 4
 * ```
 */
export class LlamaForCausalLM extends CausalLMModule implements Model {
  readonly config: LlamaConfig;
  readonly model: LlamaModel;
  /** null: the head is the embedding. */
  readonly lm_head: Linear | null;
  readonly #rotary: Rotary;

  constructor(config: LlamaConfig, options: BuildOptions) {
    const { init, compute = 'float32', compat } = options;
    super({
      vocabSize: config.vocab_size,
      positionLimit: Number.POSITIVE_INFINITY,
      layers: config.num_hidden_layers,
      numKeyValueHeads: config.num_key_value_heads,
      headDim: config.head_dim,
      compute,
    });
    this.config = config;
    this.model = new LlamaModel(config, options);
    this.lm_head = config.tie_word_embeddings
      ? null
      : new Linear(config.hidden_size, config.vocab_size, { init, bias: false, compute });
    this.#rotary = new Rotary({
      parameters: config.rope_parameters,
      headDim: config.head_dim,
      maxPositionEmbeddings: config.max_position_embeddings,
      ...(compat === undefined ? {} : { compat }),
    });
  }

  get head(): Head {
    return { weight: (this.lm_head ?? this.model.embed_tokens).weight };
  }

  hidden(batch: Batch): Tensor {
    const { embed_tokens, layers, norm } = this.model;
    const [y] = scope(() => {
      const x = embed_tokens.forward(batch.ids); // (N, C)
      const pass = beginPass(batch, { backend: x.backend, rotary: this.#rotary });
      const y = runLayers(pass, x, layers, (layer, h, p) => layer.forward(h, p), {
        plan: true,
        last: (h) => norm.forward(h),
      });
      batch.capture?.hiddenStates?.push(y);
      endPass(pass);
      return [y, batch.capture] as const;
    });
    return y;
  }
}

/** The registry's entry. */
export const llama: Architecture = {
  blueprint(json: unknown): Blueprint {
    const config = checked(json);
    return {
      config,
      build: (options) => new LlamaForCausalLM(config, options),
      parameterOf(key) {
        // Old files hold the frequencies as buffers; tied ones may hold the embedding twice.
        if (key.endsWith('.rotary_emb.inv_freq')) return null;
        if (key === 'lm_head.weight') return config.tie_word_embeddings ? null : key;
        return key.startsWith('model.') ? key : `model.${key}`;
      },
      repeatOf: (key) => (key === 'lm_head.weight' && config.tie_word_embeddings ? 'model.embed_tokens.weight' : null),
      toJson: () => ({
        ...toJson(config),
        ...ropeJson(config.rope_parameters),
        architectures: ['LlamaForCausalLM'],
      }),
    };
  },
  recognizes: (keys) => ['', 'model.'].some((prefix) => keys.has(`${prefix}layers.0.self_attn.q_proj.weight`)),
  gguf: llamaGguf,
};
