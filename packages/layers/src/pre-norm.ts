import type { Tensor } from '@tessera-llm/tensor';
import { MultiHeadAttention, type MultiHeadAttentionOptions } from './attention';
import { type FeedForwardOptions, GatedFeedForward } from './feed-forward';
import { Module } from './module';
import { RMSNorm } from './norm';
import type { Pass } from './pass';

/** Settings of PreNormBlock. */
export interface PreNormBlockOptions {
  readonly attention: MultiHeadAttentionOptions;
  readonly feedForward: FeedForwardOptions;
  /** Epsilon of both norms. */
  readonly eps: number;
}

/**
 * The decoder block of Llama and its kin: h = x + attention(norm(x)), y = h + feedForward(norm(h)), with RMS norms and
 * a gated feed-forward. Names are Llama's.
 *
 * @throws LayersError `value` for what its layers can't be made of.
 *
 * @example
 * ```ts
 * import { PreNormBlock, batchFromSequences, beginPass, initializer } from '@tessera-llm/layers';
 * import { defaultBackend, normal } from '@tessera-llm/tensor';
 * const init = initializer({ seed: 1 });
 * const block = new PreNormBlock({
 *   attention: { init, layer: 0, width: 8, numHeads: 2 },
 *   feedForward: { init, width: 8, innerWidth: 16 },
 *   eps: 1e-6,
 * });
 * const pass = beginPass(batchFromSequences([[1, 2, 3]]), { backend: defaultBackend() });
 * console.log(block.forward(normal([3, 8], { seed: 2 }), pass).shape); // [3, 8]
 * ```
 */
export class PreNormBlock extends Module {
  readonly self_attn: MultiHeadAttention;
  readonly mlp: GatedFeedForward;
  readonly input_layernorm: RMSNorm;
  readonly post_attention_layernorm: RMSNorm;

  constructor({ attention, feedForward, eps }: PreNormBlockOptions) {
    super();
    const { init, width } = attention;
    this.self_attn = new MultiHeadAttention(attention);
    this.mlp = new GatedFeedForward(feedForward);
    this.input_layernorm = new RMSNorm(width, { init, eps });
    this.post_attention_layernorm = new RMSNorm(width, { init, eps });
  }

  /** x (N, C) -> (N, C) */
  forward(x: Tensor, pass: Pass): Tensor {
    const h = this.self_attn.forward(this.input_layernorm.forward(x), pass, x);
    return this.mlp.forward(this.post_attention_layernorm.forward(h), pass.batch, h);
  }
}
