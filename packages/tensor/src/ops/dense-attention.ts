import { tensor } from '../create';
import { TensorError } from '../errors';
import type { Tensor } from '../tensor';
import { tanh } from './activations';
import { add, div, mul } from './binary';
import { wantDtype, wantScale, wantShape, wantSoftcap, wantVector } from './common';
import { matmul } from './matmul';
import { where } from './select';
import { broadcastTo, concat } from './shape';
import { narrow } from './slice';
import { softmax } from './softmax';
import { reshape } from './view';

/** Settings of `scaledDotProductAttention`. */
export interface DenseAttentionOptions {
  /** Added to the scores, float32; broadcasts to (B, Hq, T, S); takes a gradient. Default none. */
  readonly mask?: Tensor;
  /** (B · S) of 1 (keep) and 0 (masked), row by row; default: keep all. */
  readonly padding?: ArrayLike<number>;
  /** Mask keys after the query; default false, unlike in `attention`. */
  readonly causal?: boolean;
  /** Absolute position of the first query; keys stand at 0, 1, …; default 0. */
  readonly kvOffset?: number;
  /** See only the last `window` keys, the query's own included; default all. */
  readonly window?: number | null;
  /** c · tanh(score / c) before masking; default off. */
  readonly softcap?: number | null;
  /** Factor of the scores; default 1/√D. */
  readonly scale?: number;
  /** One extra logit per query head (Hq), float32, in the softmax's sum, with no value; default none. */
  readonly sinks?: Tensor;
}

/** (B or 1, 1, T, S) of 1 where a key is visible, or null if all are. */
function visibility(q: Tensor, k: Tensor, options: DenseAttentionOptions): Tensor | null {
  const { padding, causal = false, kvOffset = 0, window = null } = options;
  if (!causal && window === null && padding === undefined) return null;
  const [batch, , queries] = q.shape as [number, number, number];
  const keys = k.shape[2] as number;
  const copies = padding === undefined ? 1 : batch;
  if (padding !== undefined && padding.length !== batch * keys) {
    throw new TensorError('shape', `[attention] expected padding of ${batch} x ${keys} entries, got ${padding.length}`);
  }
  const see = new Uint8Array(copies * queries * keys);
  for (let b = 0, at = 0; b < copies; b++) {
    for (let t = 0; t < queries; t++) {
      const position = kvOffset + t;
      for (let j = 0; j < keys; j++, at++) {
        const hidden =
          (causal && j > position) || (window !== null && j <= position - window) || padding?.[b * keys + j] === 0;
        see[at] = hidden ? 0 : 1;
      }
    }
  }
  return tensor(see, { shape: [copies, 1, queries, keys], dtype: 'bool', backend: q.backend });
}

/**
 * Dense attention with any mask, softmax(scale · q kᵀ + mask) v: q (B, Hq, T, D), k (B, Hkv, S, D) and v (B, Hkv, S,
 * E), float32 → (B, Hq, T, E). It holds the (T, S) scores; models use `attention`, which does not. A row with no
 * visible key gives 0 and takes no gradient.
 *
 * @throws TensorError `shape`, `dtype`, `value` for a setting out of its range.
 * @see Vaswani et al. 2017, "Attention is all you need".
 *
 * @example
 * ```ts
 * import { normal, scaledDotProductAttention } from '@tessera-llm/tensor';
 * const x = normal([1, 2, 3, 4], { seed: 0 });
 * console.log(scaledDotProductAttention(x, x, x, { causal: true }).shape); // [1, 2, 3, 4]
 * ```
 */
export function scaledDotProductAttention(
  ...args: readonly [q: Tensor, k: Tensor, v: Tensor, options?: DenseAttentionOptions]
): Tensor {
  const [q, k, v, options = {}] = args;
  const { mask, softcap = null, sinks } = options;
  wantSoftcap('attention', softcap);
  if (options.scale !== undefined) wantScale('attention', options.scale);
  for (const [x, name] of [
    [q, 'q'],
    [k, 'k'],
    [v, 'v'],
  ] as const) {
    wantDtype('attention', x, name, 'float32');
    wantShape('attention', x, name, [null, null, null, null]);
  }
  const [batch, heads, queries, width] = q.shape as [number, number, number, number];
  const [, keyHeads, keys] = k.shape as [number, number, number, number];
  wantShape('attention', k, 'k', [batch, null, null, width]);
  wantShape('attention', v, 'v', [batch, keyHeads, keys, null]);
  if (keyHeads === 0 || heads % keyHeads !== 0) {
    throw new TensorError(
      'shape',
      `[attention] expected query heads in multiples of key heads, got ${heads} and ${keyHeads}`,
    );
  }
  // Query heads of one key head side by side: (B, Hkv, G, T, D) x (B, Hkv, 1, S, D).
  const groups = heads / keyHeads;
  const grouped = reshape(q, [batch, keyHeads, groups, queries, width]);
  const keyed = reshape(k, [batch, keyHeads, 1, keys, width]);
  const valued = reshape(v, [batch, keyHeads, 1, keys, v.shape[3] as number]);
  let scores = mul(matmul(grouped, keyed, { transposeB: true }), options.scale ?? 1 / Math.sqrt(width));
  if (softcap !== null) scores = mul(tanh(div(scores, softcap)), softcap);
  scores = reshape(scores, [batch, heads, queries, keys]);
  if (mask !== undefined) scores = add(scores, mask);
  const visible = visibility(q, k, options);
  if (visible !== null) scores = where(visible, scores, Number.NEGATIVE_INFINITY);
  let weights: Tensor;
  if (sinks === undefined) {
    weights = softmax(scores);
  } else {
    wantVector('attention', sinks, 'sinks', heads);
    const wide = broadcastTo(reshape(sinks, [1, heads, 1, 1]), [batch, heads, queries, 1]);
    weights = narrow(softmax(concat([scores, wide], { dim: 3 })), { dim: 3, start: 0, length: keys });
  }
  const y = matmul(reshape(weights, [batch, keyHeads, groups, queries, keys]), valued);
  return reshape(y, [batch, heads, queries, v.shape[3] as number]);
}
