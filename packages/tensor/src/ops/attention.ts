import type { AttentionLayout, Compute } from '../backend/contract';
import { isTracked, record } from '../tape';
import { tensor } from '../create';
import { TensorError } from '../errors';
import { showShape } from '../shape';
import type { Tensor } from '../tensor';
import {
  kernelsFor,
  like,
  sameDtype,
  wantCompute,
  wantFloat,
  wantIds,
  wantScale,
  wantShape,
  wantSoftcap,
  wantVector,
} from './common';
import { add, div, mul, tanh, where } from './elementwise';
import { matmul } from './matmul';
import { broadcastTo, concat } from './shape';
import { narrow } from './slice';
import { softmax } from './softmax';
import { reshape } from './view';

/** Settings of `attention`. */
export interface AttentionOptions {
  /** Where each segment's queries and keys lie; see `selfLayout`. */
  readonly layout: AttentionLayout;
  /** Mask keys after the query; default true. */
  readonly causal?: boolean;
  /** See only the last `window` keys, the query's own included; default all. */
  readonly window?: number | null;
  /** c · tanh(score / c) before masking; default off. */
  readonly softcap?: number | null;
  /** Factor of the scores; default 1/√D. */
  readonly scale?: number;
  /** One extra logit per query head (Hq) in the softmax's sum, with no value. */
  readonly sinks?: Tensor | null;
  /** bfloat16 rounds q, k, v and the softmax weights before their products, and what the gradients multiply; default float32. */
  readonly compute?: Compute;
}

/**
 * The layout of self-attention without a cache: keys are the batch's own rows, segment b from offsets[b] to offsets[b+1].
 *
 * @param offsets (B + 1), from 0, non-decreasing.
 *
 * @example
 * ```ts
 * import { selfLayout } from '@tessera-llm/tensor';
 * console.log(selfLayout(new Int32Array([0, 3, 5])).keyLengths); // [3, 2]
 * ```
 */
export function selfLayout(offsets: Int32Array): AttentionLayout {
  wantIds('selfLayout', 'offsets', offsets);
  const count = offsets.length - 1;
  if (count < 0 || offsets[0] !== 0) {
    throw new TensorError('value', '[attention] expected segment offsets that start at 0');
  }
  const keyLengths = new Int32Array(count);
  let longest = 64;
  for (let b = 0; b < count; b++) {
    const length = (offsets[b + 1] as number) - (offsets[b] as number);
    if (length < 0) throw new TensorError('value', '[attention] expected segment offsets that do not decrease');
    keyLengths[b] = length;
    longest = Math.max(longest, length);
  }
  return {
    queryOffsets: offsets,
    queryStarts: new Int32Array(count),
    keyLengths,
    pageOffsets: Int32Array.from({ length: count + 1 }, (_, b) => b),
    pageRows: offsets.slice(0, count),
    pageSize: Math.ceil(longest / 64) * 64,
  };
}

function checkLayout(layout: AttentionLayout, queries: number, keys: number): void {
  const { queryOffsets, queryStarts, keyLengths, pageOffsets, pageRows, pageSize } = layout;
  const count = queryStarts.length;
  const fail = (what: string): never => {
    throw new TensorError('value', `[attention] layout: ${what}`);
  };
  if (queryOffsets.length !== count + 1 || keyLengths.length !== count || pageOffsets.length !== count + 1) {
    fail(
      `expected B + 1 offsets and B starts, lengths, got ${queryOffsets.length}, ${count}, ${keyLengths.length}, ${pageOffsets.length}`,
    );
  }
  if (queryOffsets[0] !== 0 || queryOffsets[count] !== queries) {
    fail(`expected query offsets from 0 to ${queries}, got ${queryOffsets[0]} to ${queryOffsets[count]}`);
  }
  if (!Number.isSafeInteger(pageSize) || pageSize < 1) fail(`expected a page size of 1 row or more, got ${pageSize}`);
  for (let b = 0; b < count; b++) {
    const length = keyLengths[b] as number;
    const first = pageOffsets[b] as number;
    const pages = (pageOffsets[b + 1] as number) - first;
    if ((queryOffsets[b + 1] as number) < (queryOffsets[b] as number)) fail('query offsets decrease');
    if ((queryStarts[b] as number) < 0) fail(`segment ${b} starts at position ${queryStarts[b]}`);
    if (length < 0 || pages * pageSize < length)
      fail(`segment ${b} has ${length} keys in ${pages} pages of ${pageSize}`);
    for (let p = 0; p * pageSize < length; p++) {
      const row = pageRows[first + p] ?? -1;
      if (row < 0 || row + Math.min(pageSize, length - p * pageSize) > keys) {
        fail(`page ${p} of segment ${b} begins at row ${row} of ${keys}`);
      }
    }
  }
}

/** A layout of its own: the backward pass reads it again, after the caller may have written another into the arrays. */
function copied({ pageSize, ...arrays }: AttentionLayout): AttentionLayout {
  return {
    queryOffsets: arrays.queryOffsets.slice(),
    queryStarts: arrays.queryStarts.slice(),
    keyLengths: arrays.keyLengths.slice(),
    pageOffsets: arrays.pageOffsets.slice(),
    pageRows: arrays.pageRows.slice(),
    pageSize,
  };
}

/**
 * Softmax attention over a ragged batch: q (N, Hq, D), k and v (R, Hkv, D) → (N, Hq, D). Query head h reads key head
 * ⌊h · Hkv / Hq⌋. Memory is linear in the lengths. A row's result does not depend on the batch, on how a prompt was
 * chunked, or on whether keys came from a cache.
 *
 * @throws TensorError `shape`, `dtype`, `value` for a layout that points outside k and v, or a setting out of its range.
 * @see Vaswani et al. 2017; Dao et al. 2022, "FlashAttention".
 *
 * @example
 * ```ts
 * import { attention, normal, selfLayout } from '@tessera-llm/tensor';
 * const [q, k, v] = [1, 2, 3].map((seed) => normal([5, 2, 8], { seed }));
 * const y = attention(q, k, v, { layout: selfLayout(new Int32Array([0, 3, 5])) });
 * console.log(y.shape); // [5, 2, 8]
 * ```
 */
export function attention(...args: readonly [q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions]): Tensor {
  const [q, k, v, options] = args;
  const { layout, causal = true, window = null, softcap = null, sinks = null, compute = 'float32' } = options;
  for (const [x, name] of [
    [q, 'q'],
    [k, 'k'],
    [v, 'v'],
  ] as const) {
    wantFloat('attention', x, name);
    wantShape('attention', x, name, [null, null, null]);
  }
  const [queries, heads, width] = q.shape as [number, number, number];
  const [keys, keyHeads] = k.shape as [number, number, number];
  sameDtype('attention', k, v);
  wantShape('attention', v, 'v', k.shape);
  if (k.shape[2] !== width || keyHeads === 0 || heads % keyHeads !== 0) {
    throw new TensorError(
      'shape',
      `[attention] expected q (N, Hq, D) and k (R, Hkv, D) with Hq a multiple of Hkv, got ${showShape(q.shape)} and ${showShape(k.shape)}`,
    );
  }
  if (sinks !== null) wantVector('attention', sinks, 'sinks', heads);
  wantCompute('attention', compute);
  if (window !== null && !(Number.isInteger(window) && window >= 1)) {
    throw new TensorError('value', `[attention] expected a window of at least 1, got ${window}`);
  }
  wantSoftcap('attention', softcap);
  checkLayout(layout, queries, keys);
  if (options.scale !== undefined) wantScale('attention', options.scale);
  const inputs = sinks === null ? [q, k, v] : [q, k, v, sinks];
  const scale = options.scale ?? 1 / Math.sqrt(width);
  const attrs = { layout: isTracked(inputs) ? copied(layout) : layout, causal, window, softcap, scale, compute };
  const r = kernelsFor('attention', ...inputs).attention(q, k, v, sinks, attrs);
  const y = like(q, r.y);
  const lse = like(q, r.lse);
  record('attention', [y], inputs, [...inputs, y, lse], ([gy]) => {
    const g = kernelsFor('attention', q).attentionGrad(q, k, v, sinks, y, lse, gy as Tensor, attrs);
    const grads = [like(q, g.gq), like(q, g.gk), like(q, g.gv)];
    if (g.gsinks !== null) grads.push(like(q, g.gsinks));
    return grads;
  });
  return y;
}

/** Settings of `scaledDotProductAttention`. */
export interface DenseAttentionOptions {
  /** Added to the scores; broadcasts to (B, Hq, T, S); takes a gradient. */
  readonly mask?: Tensor;
  /** (B · S) of 1 (keep) and 0 (masked), row by row. */
  readonly padding?: ArrayLike<number>;
  readonly causal?: boolean;
  /** Absolute position of the first query; keys stand at 0, 1, …; default 0. */
  readonly kvOffset?: number;
  readonly window?: number | null;
  readonly softcap?: number | null;
  readonly scale?: number;
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
 * Dense attention with any mask: q (B, Hq, T, D), k and v (B, Hkv, S, D) → (B, Hq, T, D). It holds the (T, S) scores;
 * models use `attention`, which does not. A row with no visible key gives 0 and takes no gradient.
 *
 * @throws TensorError `shape`, `dtype`, `value` for a setting out of its range.
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
    wantFloat('attention', x, name);
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
