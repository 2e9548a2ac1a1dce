import {
  type ActivationName,
  type Batch,
  CausalLMModule,
  Conv1D,
  Dropout,
  Embedding,
  type Head,
  LayerNorm,
  LayersError,
  Linear,
  Module,
  type Pass,
  activations,
  attend,
  beginPass,
  endPass,
  runLayers,
} from '@tessera-llm/layers';
import { type Tensor, add, chunk, reshape, scope } from '@tessera-llm/tensor';
import { z } from 'zod';
import type { Architecture, Blueprint, BuildOptions, Model } from './architecture';
import { activation, count, epsilon, parseConfig, probability, toJson, tokenIds } from './config';

/** config.json of a GPT-2; defaults are transformers'. */
const schema = z
  .looseObject({
    model_type: z.literal('gpt2'),
    vocab_size: count().default(50257),
    n_positions: count(2 ** 24).default(1024),
    n_embd: count(2 ** 20).default(768),
    n_layer: count(4096).default(12),
    n_head: count(2 ** 16).default(12),
    n_inner: count(2 ** 22).nullish(),
    activation_function: activation.default('gelu_new'),
    resid_pdrop: probability.default(0.1),
    embd_pdrop: probability.default(0.1),
    attn_pdrop: probability.default(0.1),
    layer_norm_epsilon: epsilon.default(1e-5),
    initializer_range: z.number().min(0).max(10).default(0.02),
    scale_attn_weights: z.boolean().default(true),
    scale_attn_by_inverse_layer_idx: z.boolean().default(false),
    add_cross_attention: z.literal(false).default(false),
    tie_word_embeddings: z.boolean().default(true),
    bos_token_id: z.int().min(0).nullish().default(50256),
    eos_token_id: tokenIds.default(50256),
    pad_token_id: z.int().nullish(),
  })
  .refine((config) => config.n_embd % config.n_head === 0, {
    error: 'n_embd must be a multiple of n_head',
  });

/** What `createModel` takes for a GPT-2: every field but `model_type` has a default. */
export type Gpt2ConfigInput = z.input<typeof schema>;

/** A checked configuration with its defaults filled in. */
export type Gpt2Config = z.output<typeof schema>;

class Gpt2Attention extends Module {
  readonly c_attn: Conv1D; // q, k and v side by side
  readonly c_proj: Conv1D;
  readonly attn_dropout: Dropout;
  readonly resid_dropout: Dropout;
  readonly #settings: {
    readonly heads: number;
    readonly layer: number;
    readonly scale: number;
    readonly compute: 'float32' | 'bfloat16';
  };

  constructor(config: Gpt2Config, layer: number, { init, compute = 'float32' }: BuildOptions) {
    super();
    const { n_embd: width, n_head: heads } = config;
    this.c_attn = new Conv1D(width, 3 * width, { init, compute });
    this.c_proj = new Conv1D(width, width, { init, compute, std: residualStd(config) });
    this.attn_dropout = new Dropout(config.attn_pdrop);
    this.resid_dropout = new Dropout(config.resid_pdrop);
    const scale =
      (config.scale_attn_weights ? 1 / Math.sqrt(width / heads) : 1) /
      (config.scale_attn_by_inverse_layer_idx ? layer + 1 : 1);
    this.#settings = { heads, layer, scale, compute };
  }

  /** x (N, C) -> residual (N, C) + attention of x. */
  forward(x: Tensor, pass: Pass, residual: Tensor): Tensor {
    const { heads, ...settings } = this.#settings;
    const width = x.shape[1] ?? 0;
    const [q, k, v] = chunk(this.c_attn.forward(x, pass.batch), 3, { dim: -1 }).map(
      (part) => reshape(part, [-1, heads, width / heads]), // (N, H, D)
    ) as [Tensor, Tensor, Tensor];
    const y = attend(q, { k, v }, pass, { ...settings, dropout: this.attn_dropout });
    const rows = reshape(y, [-1, width]);
    return this.resid_dropout.addTo(residual, pass.batch, (added) =>
      this.c_proj.forward(rows, pass.batch, { residual: added }),
    );
  }
}

class Gpt2Mlp extends Module {
  readonly c_fc: Conv1D;
  readonly c_proj: Conv1D;
  readonly dropout: Dropout;
  readonly #activation: ActivationName;

  constructor(config: Gpt2Config, { init, compute = 'float32' }: BuildOptions) {
    super();
    const width = config.n_embd;
    const inner = config.n_inner ?? 4 * width;
    this.c_fc = new Conv1D(width, inner, { init, compute });
    this.c_proj = new Conv1D(inner, width, { init, compute, std: residualStd(config) });
    this.dropout = new Dropout(config.resid_pdrop);
    this.#activation = config.activation_function;
  }

  /** x (N, C) -> residual (N, C) + feed-forward of x. */
  forward(x: Tensor, pass: Pass, residual: Tensor): Tensor {
    const h = this.c_fc.forward(x, pass.batch, { activation: activations[this.#activation] });
    return this.dropout.addTo(residual, pass.batch, (added) => this.c_proj.forward(h, pass.batch, { residual: added }));
  }
}

/** Two residual branches per layer add up, so their last weights start smaller (section 2.3 of the paper). */
function residualStd({ initializer_range, n_layer }: Gpt2Config): number {
  return initializer_range / Math.sqrt(2 * n_layer);
}

class Gpt2Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: Gpt2Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: Gpt2Mlp;

  constructor(config: Gpt2Config, layer: number, options: BuildOptions) {
    super();
    const norm = { init: options.init, eps: config.layer_norm_epsilon };
    this.ln_1 = new LayerNorm(config.n_embd, norm);
    this.attn = new Gpt2Attention(config, layer, options);
    this.ln_2 = new LayerNorm(config.n_embd, norm);
    this.mlp = new Gpt2Mlp(config, options);
  }

  forward(x: Tensor, pass: Pass): Tensor {
    const h = this.attn.forward(this.ln_1.forward(x), pass, x);
    return this.mlp.forward(this.ln_2.forward(h), pass, h);
  }
}

/** The decoder without its head: `transformer.*` of the checkpoint. */
class Gpt2Model extends Module {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: readonly Gpt2Block[];
  readonly ln_f: LayerNorm;

  constructor(config: Gpt2Config, options: BuildOptions) {
    super();
    const { init } = options;
    this.wte = new Embedding(config.vocab_size, config.n_embd, { init });
    this.wpe = new Embedding(config.n_positions, config.n_embd, { init });
    this.drop = new Dropout(config.embd_pdrop);
    this.h = Array.from({ length: config.n_layer }, (_, i) => new Gpt2Block(config, i, options));
    this.ln_f = new LayerNorm(config.n_embd, { init, eps: config.layer_norm_epsilon });
  }
}

/**
 * GPT-2 (Radford et al. 2019, "Language models are unsupervised multitask learners"): pre-norm blocks with layer norms,
 * learned positions and a GELU feed-forward. `createModel` and `open` make one.
 *
 * @throws LayersError `position_out_of_range` from `hidden` for a position from `n_positions` on.
 *
 * @example
 * ```ts
 * import { Gpt2ForCausalLM, createModel } from '@tessera-llm/models';
 * const model = createModel({ model_type: 'gpt2', vocab_size: 50, n_embd: 8, n_layer: 2, n_head: 2 }, { seed: 1 });
 * if (model instanceof Gpt2ForCausalLM) console.log(model.transformer.h.length, model.config.n_positions); // 2 1024
 * ```
 */
export class Gpt2ForCausalLM extends CausalLMModule implements Model {
  readonly config: Gpt2Config;
  readonly transformer: Gpt2Model;
  /** null: the head is the embedding. */
  readonly lm_head: Linear | null;

  constructor(config: Gpt2Config, options: BuildOptions) {
    const { init, compute = 'float32' } = options;
    super({
      vocabSize: config.vocab_size,
      positionLimit: config.n_positions,
      layers: config.n_layer,
      numKeyValueHeads: config.n_head,
      headDim: config.n_embd / config.n_head,
      compute,
    });
    this.config = config;
    this.transformer = new Gpt2Model(config, options);
    this.lm_head = config.tie_word_embeddings
      ? null
      : new Linear(config.n_embd, config.vocab_size, { init, bias: false, compute });
  }

  get head(): Head {
    return { weight: (this.lm_head ?? this.transformer.wte).weight };
  }

  hidden(batch: Batch): Tensor {
    const { wte, wpe, drop, h, ln_f } = this.transformer;
    this.#checkPositions(batch.positions);
    const [y] = scope(() => {
      const pass = beginPass(batch, { backend: wte.weight.backend });
      const embedded = add(wte.forward(batch.ids), wpe.forward(batch.positions)); // (N, C)
      const x = drop.forward(embedded, batch);
      const y = runLayers(pass, x, h, (block, z, p) => block.forward(z, p), {
        plan: true,
        last: (z) => ln_f.forward(z),
      });
      batch.capture?.hiddenStates?.push(y);
      endPass(pass);
      return [y, batch.capture] as const;
    });
    return y;
  }

  #checkPositions(positions: Int32Array): void {
    const far = positions.find((p) => p >= this.config.n_positions);
    if (far !== undefined) {
      throw new LayersError(
        'position_out_of_range',
        `[gpt2] expected positions below n_positions ${this.config.n_positions}, got ${far}; ` +
          'cut the text into windows of that length',
      );
    }
  }
}

/** The registry's entry. */
export const gpt2: Architecture = {
  blueprint(json: unknown): Blueprint {
    const config = parseConfig(schema, json, 'gpt2');
    return {
      config,
      build: (options) => new Gpt2ForCausalLM(config, options),
      parameterOf(key) {
        // Old files hold the causal mask of every layer as buffers; tied ones may hold the embedding twice.
        if (key.endsWith('.attn.bias') || key.endsWith('.attn.masked_bias')) return null;
        if (key === 'lm_head.weight') return config.tie_word_embeddings ? null : key;
        return key.startsWith('transformer.') ? key : `transformer.${key}`;
      },
      repeatOf: (key) => (key === 'lm_head.weight' && config.tie_word_embeddings ? 'transformer.wte.weight' : null),
      toJson: () => ({ ...toJson(config), architectures: ['GPT2LMHeadModel'] }),
    };
  },
  recognizes: (keys) => ['', 'transformer.'].some((prefix) => keys.has(`${prefix}h.0.attn.c_attn.weight`)),
  gguf: null,
};
