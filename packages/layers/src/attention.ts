import { type Compute, type Tensor, attention, reshape, rope } from '@tessera-llm/tensor';
import type { Segments } from './batch';
import { attentionMaps, mapsAttention } from './attention-maps';
import { Dropout } from './dropout';
import { checkCount } from './errors';
import type { Init } from './init';
import { Linear, checkHeads } from './linear';
import { Module } from './module';
import type { Pass } from './pass';

/** Settings of `attend`. */
export interface AttendOptions {
  /** Index of the layer in the cache. */
  readonly layer: number;
  /** Keys after the query are masked; default true, as decoders need. */
  readonly causal?: boolean;
  /** Only keys j with position - window < j are seen, the query's own included; default null: all. */
  readonly window?: number | null;
  /** softcap * tanh(score / softcap) before masking; default null: off. */
  readonly softcap?: number | null;
  /** Factor of the scores; default 1/√D. */
  readonly scale?: number;
  /** Precision of q, k and v in the products; sums and softmax are float32. Default float32. */
  readonly compute?: Compute;
  /** Dropout of the attention weights; default none. In training it takes a path that holds Tq x Tk weights. */
  readonly dropout?: Dropout;
}

/** Settings with nothing left open. */
export interface ScoreOptions {
  readonly causal: boolean;
  readonly window: number | null;
  readonly softcap: number | null;
  readonly scale: number;
}

/**
 * Self-attention of a pass, softmax(q kᵀ scale) v within each segment; takes and feeds the cache if the batch has one.
 *
 * q (N, Hq, D), k and v (N, Hkv, D), float32, after rotary positions; query head h reads key head floor(h * Hkv / Hq).
 * The weights go to the batch's capture, if it asks for them.
 *
 * @returns (N, Hq, D) float32.
 * @throws LayersError `cache` for a layer that the cache lacks, `shape` for keys and values that don't fit it, `value`
 *   for dropout in training mode without `rng` in the batch; TensorError `shape`, `dtype`, `value`.
 *
 * @example
 * ```ts
 * import { attend, batchFromSequences, beginPass } from '@tessera-llm/layers';
 * import { defaultBackend, tensor, zeros } from '@tessera-llm/tensor';
 * const pass = beginPass(batchFromSequences([[5, 6]]), { backend: defaultBackend() });
 * const v = tensor([[[1]], [[3]]]); // (N, Hkv, D)
 * const y = attend(zeros([2, 1, 1]), { k: zeros([2, 1, 1]), v }, pass, { layer: 0 });
 * console.log(await y.data()); // [1, 2]: the second row sees both values
 * ```
 */
export function attend(
  q: Tensor,
  { k, v }: { readonly k: Tensor; readonly v: Tensor },
  pass: Pass,
  options: AttendOptions,
): Tensor {
  const { layer, compute = 'float32', dropout } = options;
  const scores: ScoreOptions = {
    causal: options.causal ?? true,
    window: options.window ?? null,
    softcap: options.softcap ?? null,
    scale: options.scale ?? 1 / Math.sqrt(q.shape[2] ?? 1),
  };
  const stored = pass.cache === null ? { k, v } : pass.cache.update(layer, k, v);
  const { layout } = pass;
  if (pass.batch.capture?.attentions !== undefined) {
    pass.maps.push(...attentionMaps(q, stored.k, layout, scores));
  }
  if (dropout?.active) {
    return mapsAttention(q, stored, layout, { ...scores, dropout, batch: pass.batch });
  }
  return attention(q, stored.k, stored.v, { layout, ...scores, compute });
}

/** Settings of MultiHeadAttention. */
export interface MultiHeadAttentionOptions {
  readonly init: Init;
  /** Index of the layer in the cache. */
  readonly layer: number;
  /** C, the width of the residual stream. */
  readonly width: number;
  /** Hq, the number of query heads. */
  readonly numHeads: number;
  /**
   * Hkv; fewer than numHeads: grouped keys (Ainslie et al. 2023, arXiv:2305.13245); 1: multi-query. Default: numHeads.
   */
  readonly numKeyValueHeads?: number;
  /** D; default width / numHeads. */
  readonly headDim?: number;
  /** Biases of the q, k and v projections; default false. */
  readonly bias?: boolean;
  /** Bias of the output projection; default: as `bias`. */
  readonly outputBias?: boolean;
  /** As in `AttendOptions`, and so are the next three. */
  readonly causal?: boolean;
  readonly window?: number | null;
  readonly softcap?: number | null;
  readonly scale?: number;
  /** Probability of dropping an attention weight in training; 0. It takes a path that holds T×T weights. */
  readonly dropout?: number;
  /** Precision of the inputs of all products; default float32. */
  readonly compute?: Compute;
}

/**
 * Multi-head self-attention with grouped keys (Vaswani et al. 2017, arXiv:1706.03762) and, if the pass has tables,
 * rotary positions: o(softmax(q(x) k(x)ᵀ / √D) v(x)). Parameter names are Llama's: q_proj, k_proj, v_proj, o_proj.
 *
 * @throws LayersError `value` unless counts are whole, and numHeads a multiple of numKeyValueHeads.
 *
 * @example
 * ```ts
 * import { MultiHeadAttention, batchFromSequences, beginPass, initializer } from '@tessera-llm/layers';
 * import { normal, defaultBackend } from '@tessera-llm/tensor';
 * const attention = new MultiHeadAttention({
 *   init: initializer({ seed: 1 }), layer: 0, width: 16, numHeads: 4, numKeyValueHeads: 2,
 * });
 * const pass = beginPass(batchFromSequences([[1, 2, 3]]), { backend: defaultBackend() });
 * console.log(attention.forward(normal([3, 16], { seed: 2 }), pass).shape); // [3, 16]
 * ```
 */
export class MultiHeadAttention extends Module {
  readonly q_proj: Linear;
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly o_proj: Linear;
  readonly dropout: Dropout;
  readonly #heads: { readonly q: number; readonly kv: number; readonly dim: number };
  readonly #options: AttendOptions;

  constructor(options: MultiHeadAttentionOptions) {
    super();
    const { init, width, numHeads, bias = false, compute = 'float32' } = options;
    const kv = options.numKeyValueHeads ?? numHeads;
    checkHeads('MultiHeadAttention', numHeads, kv);
    const dim = options.headDim ?? width / numHeads;
    checkCount('MultiHeadAttention', 'headDim', dim);
    this.#heads = { q: numHeads, kv, dim };
    const settings = { init, bias, compute };
    this.q_proj = new Linear(width, numHeads * dim, settings);
    this.k_proj = new Linear(width, kv * dim, settings);
    this.v_proj = new Linear(width, kv * dim, settings);
    this.o_proj = new Linear(numHeads * dim, width, { ...settings, bias: options.outputBias ?? bias });
    const { layer, causal = true, window = null, softcap = null, scale } = options;
    this.dropout = new Dropout(options.dropout ?? 0);
    this.#options = {
      layer,
      causal,
      window,
      softcap,
      scale: scale ?? 1 / Math.sqrt(dim),
      compute,
      dropout: this.dropout,
    };
  }

  /** x (N, C) -> (N, C), float32; `residual` (N, C) is added. */
  forward(x: Tensor, pass: Pass, residual: Tensor | null = null): Tensor {
    const { q: heads, kv, dim } = this.#heads;
    const { batch } = pass;
    let q = reshape(this.q_proj.forward(x, batch), [-1, heads, dim]); // (N, Hq, D)
    let k = reshape(this.k_proj.forward(x, batch), [-1, kv, dim]); // (N, Hkv, D)
    const v = reshape(this.v_proj.forward(x, batch), [-1, kv, dim]);
    if (pass.rope !== null) {
      q = rope(q, pass.rope.cos, pass.rope.sin);
      k = rope(k, pass.rope.cos, pass.rope.sin);
    }
    const y = attend(q, { k, v }, pass, this.#options);
    return this.o_proj.forward(reshape(y, [-1, heads * dim]), pass.batch, { residual });
  }

  /**
   * Cross-attention: queries from x (N, C), keys and values from `memory` (M, C); segment b of x reads segment b of
   * the memory, without mask or rotary positions. `residual` (N, C) is added.
   */
  cross(x: Tensor, memory: Memory, pass: Pass, residual: Tensor | null = null): Tensor {
    const { q: heads, kv, dim } = this.#heads;
    const read = memorySegments(pass.batch, memory);
    const q = reshape(this.q_proj.forward(x, pass.batch), [-1, heads, dim]);
    const k = reshape(this.k_proj.forward(memory.states, read), [-1, kv, dim]);
    const v = reshape(this.v_proj.forward(memory.states, read), [-1, kv, dim]);
    const crossed: Pass = { ...pass, cache: null, layout: crossLayout(pass.batch.offsets, memory.offsets) };
    const y = attend(q, { k, v }, crossed, { ...this.#options, causal: false, window: null });
    return this.o_proj.forward(reshape(y, [-1, heads * dim]), pass.batch, { residual });
  }
}

/** Output of an encoder, as a decoder reads it: B segments laid end to end. */
export interface Memory {
  /** (M, C) float32. */
  readonly states: Tensor;
  /** (B+1), from 0 to M: segment b is rows offsets[b] … offsets[b+1]-1. */
  readonly offsets: Int32Array;
}

/** The rows of a memory as segments of the batch that reads it: with its adapters and random numbers. */
function memorySegments({ adapters, rng }: Segments, { states, offsets }: Memory): Segments {
  const positions = new Int32Array(states.shape[0] ?? 0);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const start = offsets[b] ?? 0;
    for (let n = start; n < (offsets[b + 1] ?? 0); n++) positions[n] = n - start;
  }
  return { offsets, positions, ...(adapters && { adapters }), ...(rng && { rng }) };
}

/** Layout of queries of one ragged batch on the rows of another. */
function crossLayout(queryOffsets: Int32Array, keyOffsets: Int32Array): Pass['layout'] {
  const count = queryOffsets.length - 1;
  const keyLengths = Int32Array.from({ length: count }, (_, b) => (keyOffsets[b + 1] ?? 0) - (keyOffsets[b] ?? 0));
  return {
    queryOffsets,
    queryStarts: new Int32Array(count),
    keyLengths,
    pageOffsets: Int32Array.from({ length: count + 1 }, (_, b) => b),
    pageRows: keyOffsets.slice(0, count),
    pageSize: Math.max(1, ...keyLengths),
  };
}
