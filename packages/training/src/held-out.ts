import { type Batch, type CausalLM, batchFromSequences, countTargets, tokenLosses } from '@tessera-llm/layers';
import { noGrad, scope } from '@tessera-llm/tensor';
import { type Known, TrainingError, checkCount, checkKnown } from './errors';
import { turn } from './turn';

/** A text that was not trained on. */
export interface HeldOutDocument {
  /** Token ids, the beginning-of-sequence token first if the tokenizer has one. */
  readonly ids: ArrayLike<number>;
  /** Length of the text in UTF-8 bytes. */
  readonly bytes: number;
}

/** Settings of `heldOutLoss`. */
export interface HeldOutOptions {
  /** Most tokens that the model sees at once: max_position_embeddings, or what it was trained with. */
  readonly window: number;
  /**
   * Tokens per forward pass; windows are put together up to this number. Default 4,096; changes no bit of the result.
   */
  readonly batchTokens?: number;
  /** Ends the measurement between two passes by throwing its reason. */
  readonly signal?: AbortSignal;
}

/** How well a model predicts held-out text. */
export interface HeldOutLoss {
  /** Mean negative log-likelihood of a token, nats. */
  readonly loss: number;
  /** Total negative log-likelihood / ln 2 / UTF-8 bytes: comparable across tokenizers. */
  readonly bitsPerByte: number;
  /** Tokens that were predicted. */
  readonly tokens: number;
}

interface Window {
  readonly ids: ArrayLike<number>;
  /** For each id the one that follows it. */
  readonly targets: Int32Array;
}

/**
 * Loss on held-out text. Each document stands alone. Its inputs, all tokens but the last, are cut into windows that do
 * not overlap, of `window` tokens; every input predicts the token after it, also the last one of a window (that token
 * opens the next window, where it is an input only). So every token but the first is scored exactly once, with between
 * 1 and `window` tokens before it. Dropout is off meanwhile.
 *
 * loss = -Σ ln p(token) / tokens in nats, bitsPerByte = -Σ log2 p(token) / bytes; the sums are float64.
 *
 * @throws TrainingError `data` if there is nothing to predict, `value`; for an id outside the vocabulary LayersError
 * `token_out_of_range` or, where it is only predicted, TensorError `index_out_of_range`; the signal's reason.
 *
 * @example
 * ```ts
 * import { createModel } from '@tessera-llm/models';
 * import { heldOutLoss } from '@tessera-llm/training';
 * const sizes = { vocab_size: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 };
 * const model = createModel({ model_type: 'llama', ...sizes, num_attention_heads: 2 }, { seed: 1 });
 * const { loss } = await heldOutLoss(model, [{ ids: [0, 5, 9, 12], bytes: 9 }], { window: 32 });
 * console.log(loss); // about ln 64: the model knows nothing yet
 * ```
 */
export async function heldOutLoss(
  model: CausalLM,
  documents: readonly HeldOutDocument[],
  options: HeldOutOptions,
): Promise<HeldOutLoss> {
  checkKnown('heldOutLoss', options, { window: true, batchTokens: true, signal: true } satisfies Known<HeldOutOptions>);
  const { window, batchTokens = 4096, signal } = options;
  checkCount('heldOutLoss', 'window', window);
  checkCount('heldOutLoss', 'batchTokens', batchTokens);
  const training = model.training;
  model.eval();
  try {
    let nats = 0;
    let tokens = 0;
    for (const group of grouped(
      documents.flatMap((d) => windowsOf(d.ids, window)),
      batchTokens,
    )) {
      signal?.throwIfAborted();
      const { batch, targets } = batchOf(group);
      using losses = noGrad(() => scope(() => tokenLosses(model, model.hidden(batch), targets)));
      // Added up here, token by token in float64: float32 sums of batches would depend on where the batches end.
      for (const loss of await losses.data()) nats += Number(loss);
      tokens += countTargets(targets);
      await turn();
    }
    const bytes = documents.reduce((sum, d) => sum + d.bytes, 0);
    if (tokens === 0 || bytes === 0) {
      throw new TrainingError(
        'data',
        '[heldOutLoss] expected documents of at least two tokens, got nothing to predict',
      );
    }
    return { loss: nats / tokens, bitsPerByte: nats / Math.LN2 / bytes, tokens };
  } finally {
    model.train(training);
  }
}

function windowsOf(ids: ArrayLike<number>, window: number): Window[] {
  const windows: Window[] = [];
  const all = new Int32Array(ids);
  for (let at = 0; at + 1 < all.length; at += window) {
    const end = Math.min(at + window, all.length - 1);
    windows.push({ ids: all.subarray(at, end), targets: all.subarray(at + 1, end + 1) });
  }
  return windows;
}

function* grouped(windows: readonly Window[], batchTokens: number): Generator<Window[]> {
  let group: Window[] = [];
  let size = 0;
  for (const window of windows) {
    if (group.length > 0 && size + window.ids.length > batchTokens) {
      yield group;
      group = [];
      size = 0;
    }
    group.push(window);
    size += window.ids.length;
  }
  if (group.length > 0) yield group;
}

function batchOf(group: readonly Window[]): { batch: Batch; targets: Int32Array } {
  const batch = batchFromSequences(group.map(({ ids }) => ids));
  const targets = new Int32Array(batch.ids.length);
  group.forEach((window, b) => {
    targets.set(window.targets, batch.offsets[b] ?? 0);
  });
  return { batch, targets };
}
