import {
  type Compute,
  type QuantizedWeight,
  type Tensor,
  div,
  isQuantizedWeight,
  linearCrossEntropy,
  mul,
  neg,
  quantizedLinearCrossEntropy,
  sum,
  tanh,
} from '@tessera-llm/tensor';
import type { Batch } from './batch';
import type { KVCache } from './cache';
import { checkIds } from './embedding';
import { LayersError } from './errors';
import { project } from './linear';
import { Module } from './module';
import { PagedKVCache } from './paged-cache';

/** How hidden states become logits: softcap(scale * (transform(h) weightᵀ + bias)). */
export interface Head {
  /** (V, C); a quantised one is constant: losses give gradients to the hidden states and the bias. */
  readonly weight: Tensor | QuantizedWeight;
  /** (V); default none. */
  readonly bias?: Tensor;
  /** Default 1. */
  readonly scale?: number;
  /** softcap * tanh(logit / softcap) after the scale; default off. */
  readonly softcap?: number;
  /** What stands between the model's last norm and the projection, as in masked-language-model heads. */
  readonly transform?: (hidden: Tensor) => Tensor;
}

/** Settings of `CausalLM.logProbs`. */
export interface LogProbOptions {
  /** Log-probabilities of logits / temperature; 1. */
  readonly temperature?: number;
}

/**
 * A language model as losses, samplers and engines see it: hidden states of a ragged batch, and a head from which
 * logits or log-probabilities of chosen rows follow, so that nobody holds the logits of all rows.
 */
export interface CausalLM extends Module {
  /** V */
  readonly vocabSize: number;
  /** Positions that exist: the size of a learned table, Infinity for rotary ones. */
  readonly positionLimit: number;
  /** Precision of the inputs of products and attention, and of the cache. */
  readonly compute: Compute;
  readonly head: Head;
  /**
   * Hidden states after the final norm, (N, C) for the N rows of the batch; feeds the batch's cache.
   *
   * @throws LayersError `token_out_of_range`, `position_out_of_range`, `shape`, `value`, `cache`, `cache_full`,
   *   `adapter`
   */
  hidden(batch: Batch): Tensor;
  /** rows (M, C) of hidden states -> logits (M, V), float32. */
  logits(rows: Tensor): Tensor;
  /**
   * Log-probability of targets[m] after rows (M, C): (M) float32, in nats. The same bits in training, evaluation and
   * decoding.
   *
   * @throws LayersError `token_out_of_range`; `value` for a temperature that is not above 0.
   */
  logProbs(rows: Tensor, targets: Int32Array, options?: LogProbOptions): Tensor;
  /** An empty cache with room for `capacity` tokens over all sequences. @throws LayersError `value` */
  createCache(capacity: number): KVCache;
}

/** What `CausalLMModule` needs to know of an architecture to make caches for it. */
export interface CausalLMDims {
  /** V */
  readonly vocabSize: number;
  /** As `CausalLM.positionLimit`. */
  readonly positionLimit: number;
  readonly layers: number;
  /** Hkv */
  readonly numKeyValueHeads: number;
  /** D */
  readonly headDim: number;
  readonly compute: Compute;
}

/**
 * Base of the models: an architecture gives `hidden` and `head`, the rest of the contract follows.
 *
 * @example
 * ```ts
 * import {
 *   type Batch, CausalLMModule, Embedding, type Head, batchFromSequences, initializer,
 * } from '@tessera-llm/layers';
 * import type { Tensor } from '@tessera-llm/tensor';
 * // A bigram model: the next token depends on the current one only.
 * class Bigram extends CausalLMModule {
 *   readonly embed = new Embedding(10, 4, { init: initializer({ seed: 1 }) });
 *   constructor() {
 *     super({ vocabSize: 10, positionLimit: 100, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
 *   }
 *   get head(): Head {
 *     return { weight: this.embed.weight };
 *   }
 *   hidden(batch: Batch): Tensor {
 *     return this.embed.forward(batch.ids);
 *   }
 * }
 * const model = new Bigram();
 * console.log(model.logits(model.hidden(batchFromSequences([[1, 2, 3]]))).shape); // [3, 10]
 * ```
 */
export abstract class CausalLMModule extends Module implements CausalLM {
  readonly #dims: CausalLMDims;

  constructor(dims: CausalLMDims) {
    super();
    this.#dims = dims;
  }

  get vocabSize(): number {
    return this.#dims.vocabSize;
  }

  get positionLimit(): number {
    return this.#dims.positionLimit;
  }

  get compute(): Compute {
    return this.#dims.compute;
  }

  abstract get head(): Head;

  abstract hidden(batch: Batch): Tensor;

  logits(rows: Tensor): Tensor {
    const { weight, bias = null, scale = 1, softcap, transform } = this.head;
    const h = transform === undefined ? rows : transform(rows);
    const y = project(h, weight, { bias, compute: this.compute });
    const scaled = scale === 1 ? y : mul(y, scale);
    return softcap === undefined ? scaled : mul(tanh(div(scaled, softcap)), softcap);
  }

  logProbs(rows: Tensor, targets: Int32Array, options: LogProbOptions = {}): Tensor {
    checkIds('logProbs', targets, this.vocabSize);
    return neg(tokenLosses(this, rows, targets, options));
  }

  createCache(capacity: number): KVCache {
    const { layers, numKeyValueHeads, headDim, compute } = this.#dims;
    return new PagedKVCache({ layers, numKeyValueHeads, headDim, compute, capacity });
  }
}

/** Settings of `tokenLosses`. */
export interface TokenLossOptions extends LogProbOptions {
  /** Rows with this target give 0 and no gradient; -100. */
  readonly ignoreIndex?: number;
  /** Part of the target's probability spread over the vocabulary; 0. */
  readonly labelSmoothing?: number;
  /** Default none: a loss of each row. Their sum costs a training step less than losses that are added afterwards. */
  readonly reduction?: 'none' | 'sum';
}

/**
 * Cross-entropy -log p(targets[m]) of every row (M, C), without ever holding (M, V): (M), or their sum, float32, in
 * nats. With label smoothing e: (1 - e) · nll + e · mean over the vocabulary of -log p (Szegedy et al. 2015,
 * arXiv:1512.00567).
 *
 * @param rows Hidden states after the final norm, as `model.hidden` gives them.
 * @param targets (M) token ids, or `ignoreIndex`.
 * @throws LayersError `value` for a temperature that is not above 0; TensorError `index_out_of_range` for a target
 *   outside the vocabulary.
 *
 * @example
 * ```ts
 * import {
 *   type Batch, CausalLMModule, Embedding, type Head, batchFromSequences, blank, tokenLosses,
 * } from '@tessera-llm/layers';
 * import type { Tensor } from '@tessera-llm/tensor';
 * class Bigram extends CausalLMModule {
 *   readonly embed = new Embedding(10, 4, { init: blank() });
 *   constructor() {
 *     super({ vocabSize: 10, positionLimit: 100, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
 *   }
 *   get head(): Head {
 *     return { weight: this.embed.weight };
 *   }
 *   hidden(batch: Batch): Tensor {
 *     return this.embed.forward(batch.ids);
 *   }
 * }
 * const model = new Bigram();
 * const losses = tokenLosses(model, model.hidden(batchFromSequences([[1, 2]])), new Int32Array([2, -100]));
 * console.log(await losses.data()); // [2.3026, 0]
 * ```
 */
export function tokenLosses(
  model: CausalLM,
  rows: Tensor,
  targets: Int32Array,
  options: TokenLossOptions = {},
): Tensor {
  const { temperature = 1, ignoreIndex = -100, labelSmoothing = 0, reduction = 'none' } = options;
  if (!(temperature > 0)) {
    throw new LayersError('value', `[logProbs] expected a temperature above 0, got ${temperature}`);
  }
  const { transform, weight, ...head } = model.head;
  const hidden = transform === undefined ? rows : transform(rows);
  const settings = { ...head, temperature, ignoreIndex, labelSmoothing };
  if (isQuantizedWeight(weight)) {
    const losses = quantizedLinearCrossEntropy(hidden, weight, targets, settings);
    return reduction === 'sum' ? sum(losses) : losses;
  }
  return linearCrossEntropy(hidden, weight, targets, { ...settings, compute: model.compute, reduction });
}
