import { type Batch, type CausalLM, countTargets, languageModelLoss } from '@tessera-llm/layers';
import { clipCoefficient, type Optimizer } from '@tessera-llm/optimizers';
import { type Tensor, addInPlace, keep, scope, valueAndGrad } from '@tessera-llm/tensor';
import { type Known, TrainingError, checkKnown } from './errors';
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
  /** Takes the step; its parameters are those that are trained. */
  readonly optimizer: AnyOptimizer;
  /** What is trained, by the names that the optimizer has; default: the model's parameters that ask for gradients. */
  readonly parameters?: ReadonlyMap<string, Tensor>;
  /** Multiplies every learning rate, as a schedule gives it; default 1. */
  readonly lrFactor?: number;
  /** Largest global norm of the gradient; null: no clipping. Default 1, usual for language models. */
  readonly clipNorm?: number | null;
  /** Share of each target given to all tokens evenly, see `crossEntropy`; default 0. */
  readonly labelSmoothing?: number;
  /** What to do when loss or gradient are NaN or infinite: throw (default), or leave out the update. */
  readonly onNonFinite?: 'skip' | 'throw';
  /** Ends the step between two micro-batches; nothing has changed then. */
  readonly signal?: AbortSignal;
}

/** @internal */
export const stepOptions = {
  ...{ optimizer: true, parameters: true, lrFactor: true, clipNorm: true },
  ...{ labelSmoothing: true, onNonFinite: true, signal: true },
} as const satisfies Known<TrainStepOptions>;

/** What a step measured. */
export interface StepResult {
  /** Mean loss of a real target, nats; label smoothing included. */
  readonly loss: number;
  /** Euclidean norm of all gradients together, before clipping. */
  readonly gradNorm: number;
  /** Real targets of the step. */
  readonly tokens: number;
  /** True if the update was left out because loss or gradient were not finite. */
  readonly skipped: boolean;
}

/**
 * One optimizer step over one or more micro-batches. Losses are summed over all of them and divided by the number of
 * real targets of the whole step, so that accumulation equals one large batch whatever the micro-batches hold:
 *
 * loss = Σ -ln p(target) / targets, gradient = ∂loss · min(1, clipNorm / (norm + 1e-6)).
 *
 * @param model In training mode, if it has dropout.
 * @throws TrainingError `data` if no target counts, `value` if nothing is trained or for an option that there is not,
 * `non_finite`; the signal's reason; the weights are unchanged then. What the model and the optimizer throw.
 *
 * @example
 * ```ts
 * import { batchFromSequences, nextTokenTargets } from '@tessera-llm/layers';
 * import { createModel } from '@tessera-llm/models';
 * import { AdamW } from '@tessera-llm/optimizers';
 * import { trainStep } from '@tessera-llm/training';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
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
  checkKnown('trainStep', options, stepOptions);
  if (options.onNonFinite !== undefined) checkOnNonFinite('trainStep', options.onNonFinite);
  return takeStep(model, microBatches, options);
}

/** @internal `trainStep` with options that were checked, among others perhaps. */
export async function takeStep(
  model: CausalLM,
  microBatches: readonly MicroBatch[],
  options: TrainStepOptions,
): Promise<StepResult> {
  const { optimizer, lrFactor = 1, clipNorm = 1, onNonFinite = 'throw' } = options;
  const tokens = microBatches.reduce((n, { labels }) => n + countTargets(labels), 0);
  if (tokens === 0) throw new TrainingError('data', '[trainStep] expected at least one target that counts, got none');
  const { loss, grads } = await accumulate(model, microBatches, { ...options, tokens });
  const { norm, factor } = scope(() => {
    // Infinity is no norm that clipCoefficient takes; without clipping the factor is not used.
    const clip = clipCoefficient(grads, { maxNorm: clipNorm ?? Number.MAX_VALUE });
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
    if (finite) optimizer.step(grads, { lrFactor, factor: clipNorm === null ? null : factor });
    return { loss, gradNorm, tokens, skipped: !finite };
  } finally {
    for (const x of [norm, factor, ...grads.values()]) x.dispose();
  }
}

/** @internal Anything else would skip without a word. @throws TrainingError `value` */
export function checkOnNonFinite(where: string, value: unknown): void {
  if (value === 'skip' || value === 'throw') return;
  throw new TrainingError('value', `[${where}] expected onNonFinite to be 'skip' or 'throw', got ${String(value)}`);
}

interface Gradients {
  readonly loss: number;
  /** By parameter name; the caller disposes them. */
  readonly grads: Map<string, Tensor>;
}

/** Loss and gradient of a step, one micro-batch after the other; frees everything if it can't finish. */
async function accumulate(
  model: CausalLM,
  microBatches: readonly MicroBatch[],
  options: Pick<TrainStepOptions, 'labelSmoothing' | 'parameters' | 'signal'> & { readonly tokens: number },
): Promise<Gradients> {
  const { labelSmoothing = 0, signal, tokens } = options;
  const trained = [...(options.parameters ?? model.namedParameters())].filter(([, p]) => p.requiresGrad);
  if (trained.length === 0) {
    throw new TrainingError(
      'value',
      '[trainStep] expected parameters that ask for gradients, got none; ' +
        'a model with an adapter is frozen: give parameters: adapter.tensors',
    );
  }
  const parameters = trained.map(([, p]) => p);
  let loss = 0;
  let sums: Tensor[] = [];
  try {
    for (const { labels, ...batch } of microBatches) {
      signal?.throwIfAborted();
      if (countTargets(labels) === 0) continue;
      const { value, grads } = valueAndGrad(
        () => languageModelLoss(model, batch, { targets: labels, normalizer: tokens, labelSmoothing }),
        parameters,
      );
      if (sums.length === 0) sums = grads;
      else {
        grads.forEach((g, i) => {
          addInPlace(sums[i] as Tensor, g);
          g.dispose();
        });
      }
      loss += await value.item();
      value.dispose();
      await turn();
    }
    return { loss, grads: new Map(trained.map(([name], i) => [name, sums[i] as Tensor])) };
  } catch (error) {
    for (const g of sums) g.dispose();
    throw error;
  }
}
