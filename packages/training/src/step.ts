import { type Batch, type CausalLM, ignoreIndex, languageModelLoss } from '@tessera-llm/layers';
import { clipCoefficient, type Optimizer } from '@tessera-llm/optimizers';
import { type Tensor, addInPlace, keep, scope, valueAndGrad } from '@tessera-llm/tensor';
import { TrainingError } from './errors';
import { turn } from './turn';

/** What the trainer needs of an optimizer, whatever its settings. */
export type AnyOptimizer = Pick<Optimizer<{ readonly lr: number | null }>, 'load' | 'state' | 'step'>;

/** Part of a step: a batch that fits into memory, with the target of each of its rows. */
export interface MicroBatch extends Batch {
  /** (N) the token that each row predicts; -100: none. */
  readonly labels: Int32Array;
}

/** Settings of one `trainStep`. */
export interface TrainStepOptions {
  readonly optimizer: AnyOptimizer;
  /** Multiplies every learning rate, as a schedule gives it; default 1. */
  readonly lrFactor?: number;
  /** Largest global norm of the gradient; null: no clipping. Default 1, usual for language models. */
  readonly clipNorm?: number | null;
  readonly labelSmoothing?: number;
  /** What to do when loss or gradient are NaN or infinite: throw (default), or leave out the update. */
  readonly onNonFinite?: 'skip' | 'throw';
  /** Ends the step between two micro-batches; nothing has changed then. */
  readonly signal?: AbortSignal;
}

/** What a step measured. */
export interface StepResult {
  /** Mean loss of a real target, nats. */
  readonly loss: number;
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number;
  /** Real targets of the step. */
  readonly tokens: number;
  /** True if the update was left out because loss or gradient were not finite. */
  readonly skipped: boolean;
}

const countLabels = (labels: Int32Array): number => labels.reduce((n, label) => n + (label === ignoreIndex ? 0 : 1), 0);

/**
 * One optimizer step over one or more micro-batches. Losses are summed over all of them and divided by the number of
 * real targets of the whole step, so that accumulation equals one large batch whatever the micro-batches hold.
 *
 * @param model In training mode, if it has dropout.
 * @throws TrainingError `data` if no target counts, `non_finite`; the signal's reason. The weights are unchanged then.
 *
 * @example
 * ```ts
 * import { batchFromSequences, nextTokenTargets } from '@tessera-llm/layers';
 * import { createModel } from '@tessera-llm/models';
 * import { AdamW } from '@tessera-llm/optimizers';
 * import { trainStep } from '@tessera-llm/training';
 * const model = createModel(
 *   { model_type: 'llama', vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2 },
 *   { seed: 1 },
 * );
 * const batch = batchFromSequences([[1, 2, 3, 4]]);
 * const optimizer = new AdamW(model.namedParameters(), { lr: 1e-3 });
 * const { loss } = await trainStep(model, [{ ...batch, labels: nextTokenTargets(batch) }], { optimizer });
 * console.log(loss); // about ln 64
 * ```
 */
export async function trainStep(
  model: CausalLM,
  microBatches: readonly MicroBatch[],
  options: TrainStepOptions,
): Promise<StepResult> {
  const { optimizer, lrFactor = 1, clipNorm = 1, labelSmoothing = 0, onNonFinite = 'throw', signal } = options;
  const tokens = microBatches.reduce((n, { labels }) => n + countLabels(labels), 0);
  if (tokens === 0) throw new TrainingError('data', '[trainStep] expected at least one target that counts, got none');
  const named = model.namedParameters();
  const parameters = [...named.values()];
  let total: Tensor[] | null = null;
  let loss = 0;
  try {
    for (const { labels, ...batch } of microBatches) {
      signal?.throwIfAborted();
      if (countLabels(labels) === 0) continue;
      const { value, grads } = scope(() => {
        const result = valueAndGrad(
          () => languageModelLoss(model, batch, { targets: labels, normalizer: tokens, labelSmoothing }),
          parameters,
        );
        return { value: result.value, grads: result.grads.map(keep) };
      });
      loss += await value.item();
      value.dispose();
      if (total === null) total = grads;
      else {
        total.forEach((sum, i) => addInPlace(sum, grads[i] as Tensor));
        for (const g of grads) g.dispose();
      }
      await turn();
    }
    signal?.throwIfAborted();
    const sums = new Map([...named.keys()].map((name, i) => [name, (total as Tensor[])[i] as Tensor]));
    const { norm, factor } = scope(() => {
      const clip = clipCoefficient(sums, { maxNorm: clipNorm ?? Number.MAX_VALUE });
      return { norm: keep(clip.norm), factor: keep(clip.factor) };
    });
    try {
      const gradNorm = await norm.item();
      const finite = Number.isFinite(loss) && Number.isFinite(gradNorm);
      if (!finite && onNonFinite === 'throw') {
        throw new TrainingError(
          'non_finite',
          `[trainStep] expected a finite loss and gradient, got loss ${loss} and gradient norm ${gradNorm}; ` +
            'lower the learning rate, or find the op with anomaly()',
        );
      }
      if (finite) optimizer.step(sums, { lrFactor, factor: clipNorm === null ? null : factor });
      return { loss, gradNorm, tokens, skipped: !finite };
    } finally {
      norm.dispose();
      factor.dispose();
    }
  } finally {
    for (const g of total ?? []) g.dispose();
  }
}
