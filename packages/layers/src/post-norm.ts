import type { Compute, Tensor } from '@tessera-llm/tensor';
import { type Memory, MultiHeadAttention } from './attention';
import { Dropout } from './dropout';
import { type ActivationName, FeedForward } from './feed-forward';
import type { Init } from './init';
import { Module } from './module';
import { LayerNorm } from './norm';
import type { Pass } from './pass';

/** Settings of the blocks of the original transformer; the defaults are the paper's. */
export interface PostNormOptions {
  readonly init: Init;
  /** Index of the layer in a cache. */
  readonly layer: number;
  /** C */
  readonly width: number;
  /** Divides the width. */
  readonly numHeads: number;
  /** F; default 4 C. */
  readonly innerWidth?: number;
  /** Default relu, as in the paper. */
  readonly activation?: ActivationName;
  /** Of each sublayer's output, before it is added to the residual; default 0.1. */
  readonly dropout?: number;
  /** Of the norms; default 1e-5. */
  readonly eps?: number;
  /** Precision of the inputs of products and attention; default float32. */
  readonly compute?: Compute;
}

interface Filled extends PostNormOptions {
  readonly innerWidth: number;
  readonly activation: ActivationName;
  readonly dropout: number;
  readonly eps: number;
}

function filled(options: PostNormOptions): Filled {
  const { innerWidth = 4 * options.width, activation = 'relu', dropout = 0.1, eps = 1e-5 } = options;
  return { ...options, innerWidth, activation, dropout, eps };
}

function attentionOf({ dropout: _, ...options }: Filled, causal: boolean): MultiHeadAttention {
  return new MultiHeadAttention({ ...options, bias: true, causal });
}

/**
 * Encoder block of the original transformer (Vaswani et al. 2017, arXiv:1706.03762, section 3.1):
 * h = norm(x + attention(x)), y = norm(h + feedForward(h)); every row sees its whole segment. Projections have biases.
 *
 * @throws LayersError `value` for sizes that are no counts, and a dropout outside [0, 1).
 *
 * @example
 * ```ts
 * import { EncoderBlock, batchFromSequences, beginPass, initializer } from '@tessera-llm/layers';
 * import { defaultBackend, normal } from '@tessera-llm/tensor';
 * const block = new EncoderBlock({ init: initializer({ seed: 1 }), layer: 0, width: 8, numHeads: 2 });
 * const pass = beginPass(batchFromSequences([[1, 2, 3]]), { backend: defaultBackend() });
 * console.log(block.forward(normal([3, 8], { seed: 2 }), pass).shape); // [3, 8]
 * ```
 */
export class EncoderBlock extends Module {
  readonly self_attn: MultiHeadAttention;
  readonly self_attn_layer_norm: LayerNorm;
  readonly mlp: FeedForward;
  readonly final_layer_norm: LayerNorm;
  readonly attn_dropout: Dropout;
  readonly mlp_dropout: Dropout;

  constructor(given: PostNormOptions) {
    super();
    const options = filled(given);
    this.self_attn = attentionOf(options, false);
    this.self_attn_layer_norm = new LayerNorm(options.width, options);
    this.mlp = new FeedForward(options);
    this.final_layer_norm = new LayerNorm(options.width, options);
    this.attn_dropout = new Dropout(options.dropout);
    this.mlp_dropout = new Dropout(options.dropout);
  }

  /** x (N, C) -> (N, C) */
  forward(x: Tensor, pass: Pass): Tensor {
    const { batch } = pass;
    const attended = this.attn_dropout.addTo(x, batch, (residual) => this.self_attn.forward(x, pass, residual));
    const h = this.self_attn_layer_norm.forward(attended);
    const fed = this.mlp_dropout.addTo(h, batch, (residual) => this.mlp.forward(h, batch, residual));
    return this.final_layer_norm.forward(fed);
  }
}

/**
 * Decoder block of the original transformer (same section): h = norm(x + attention(x)), causal,
 * g = norm(h + crossAttention(h, memory)), y = norm(g + feedForward(g)).
 *
 * @throws LayersError `value` for sizes that are no counts, and a dropout outside [0, 1).
 *
 * @example
 * ```ts
 * import { DecoderBlock, batchFromSequences, beginPass, initializer } from '@tessera-llm/layers';
 * import { defaultBackend, normal } from '@tessera-llm/tensor';
 * const block = new DecoderBlock({ init: initializer({ seed: 1 }), layer: 0, width: 8, numHeads: 2 });
 * const pass = beginPass(batchFromSequences([[1, 2, 3]]), { backend: defaultBackend() });
 * const memory = { states: normal([5, 8], { seed: 3 }), offsets: new Int32Array([0, 5]) };
 * console.log(block.forward(normal([3, 8], { seed: 2 }), memory, pass).shape); // [3, 8]
 * ```
 */
export class DecoderBlock extends Module {
  readonly self_attn: MultiHeadAttention;
  readonly self_attn_layer_norm: LayerNorm;
  readonly encoder_attn: MultiHeadAttention;
  readonly encoder_attn_layer_norm: LayerNorm;
  readonly mlp: FeedForward;
  readonly final_layer_norm: LayerNorm;
  readonly attn_dropout: Dropout;
  readonly encoder_attn_dropout: Dropout;
  readonly mlp_dropout: Dropout;

  constructor(given: PostNormOptions) {
    super();
    const options = filled(given);
    this.self_attn = attentionOf(options, true);
    this.self_attn_layer_norm = new LayerNorm(options.width, options);
    this.encoder_attn = attentionOf(options, false);
    this.encoder_attn_layer_norm = new LayerNorm(options.width, options);
    this.mlp = new FeedForward(options);
    this.final_layer_norm = new LayerNorm(options.width, options);
    this.attn_dropout = new Dropout(options.dropout);
    this.encoder_attn_dropout = new Dropout(options.dropout);
    this.mlp_dropout = new Dropout(options.dropout);
  }

  /** x (N, C), memory (M, C) of as many segments -> (N, C) */
  forward(x: Tensor, memory: Memory, pass: Pass): Tensor {
    const { batch } = pass;
    const attended = this.attn_dropout.addTo(x, batch, (residual) => this.self_attn.forward(x, pass, residual));
    const h = this.self_attn_layer_norm.forward(attended);
    const read = this.encoder_attn_dropout.addTo(h, batch, (residual) =>
      this.encoder_attn.cross(h, memory, pass, residual),
    );
    const g = this.encoder_attn_layer_norm.forward(read);
    const fed = this.mlp_dropout.addTo(g, batch, (residual) => this.mlp.forward(g, batch, residual));
    return this.final_layer_norm.forward(fed);
  }
}
