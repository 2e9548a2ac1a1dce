import { type Tensor, div } from '@tessera-llm/tensor';
import type { Batch } from './batch';
import { type CausalLM, type TokenLossOptions, tokenLosses } from './causal-lm';
import { LayersError } from './errors';

/** Target of rows that shall not count: -100, as in PyTorch and transformers. */
export const ignoreIndex = -100;

/**
 * Next-token targets: row n of a segment gets the label of row n+1, the last row of each segment none (-100).
 *
 * @param labels (N) aligned with the ids, -100 where a token shall not count as a target; default: the ids.
 * @returns (N)
 * @throws LayersError `shape` for another number of labels.
 *
 * @example
 * ```ts
 * import { batchFromSequences, nextTokenTargets } from '@tessera-llm/layers';
 * console.log(nextTokenTargets(batchFromSequences([[5, 6, 7], [8, 9]]))); // [6, 7, -100, 9, -100]
 * ```
 */
export function nextTokenTargets(batch: Batch, labels: Int32Array = batch.ids): Int32Array {
  const { ids, offsets } = batch;
  if (labels.length !== ids.length) {
    throw new LayersError('shape', `[nextTokenTargets] expected ${ids.length} labels, got ${labels.length}`);
  }
  const targets = new Int32Array(ids.length).fill(ignoreIndex);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const start = offsets[b] ?? 0;
    const end = offsets[b + 1] ?? 0;
    if (end > start) targets.set(labels.subarray(start + 1, end), start);
  }
  return targets;
}

/**
 * Number of targets that count, for `normalizer` of `languageModelLoss`.
 *
 * @example
 * ```ts
 * import { countTargets } from '@tessera-llm/layers';
 * console.log(countTargets(new Int32Array([6, 7, -100]))); // 2
 * ```
 */
export function countTargets(targets: Int32Array): number {
  return targets.reduce((count, target) => count + (target === ignoreIndex ? 0 : 1), 0);
}

/** Settings of `languageModelLoss`. */
export interface LanguageModelLossOptions extends Pick<TokenLossOptions, 'labelSmoothing'> {
  /** (N), as `nextTokenTargets` makes them; the default. */
  readonly targets?: Int32Array;
  /**
   * What the sum of losses is divided by; default: the number of targets in this batch. For gradient accumulation give
   * the number in the whole step, so that it equals one large batch whatever the micro-batches hold.
   */
  readonly normalizer?: number;
}

/**
 * Mean cross-entropy of the next token, in nats: sum of -log p(target) over real targets / normalizer, () float32.
 *
 * @throws LayersError `value` if no target counts or the normalizer is not above 0, and what `model.hidden` throws.
 *
 * @example
 * ```ts
 * import {
 *   type Batch, CausalLMModule, Embedding, type Head, batchFromSequences, initializer, languageModelLoss,
 * } from '@tessera-llm/layers';
 * import { type Tensor, valueAndGrad } from '@tessera-llm/tensor';
 * class Bigram extends CausalLMModule {
 *   readonly embed = new Embedding(32, 4, { init: initializer({ seed: 1 }) });
 *   constructor() {
 *     super({ vocabSize: 32, positionLimit: 64, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
 *   }
 *   get head(): Head {
 *     return { weight: this.embed.weight };
 *   }
 *   hidden(batch: Batch): Tensor {
 *     return this.embed.forward(batch.ids);
 *   }
 * }
 * const model = new Bigram();
 * const batch = batchFromSequences([[1, 2, 3, 4]]);
 * const { value } = valueAndGrad(() => languageModelLoss(model, batch), model.parameters());
 * console.log(await value.item()); // about ln 32
 * ```
 */
export function languageModelLoss(model: CausalLM, batch: Batch, options: LanguageModelLossOptions = {}): Tensor {
  const { targets = nextTokenTargets(batch), labelSmoothing = 0 } = options;
  const count = countTargets(targets);
  const normalizer = options.normalizer ?? count;
  if (count === 0 || !(normalizer > 0)) {
    throw new LayersError(
      'value',
      `[languageModelLoss] expected at least one target that counts and a normalizer above 0, got ${count} and ${normalizer}`,
    );
  }
  const settings = { ignoreIndex, labelSmoothing, reduction: 'sum' } as const;
  return div(tokenLosses(model, model.hidden(batch), targets, settings), normalizer);
}
