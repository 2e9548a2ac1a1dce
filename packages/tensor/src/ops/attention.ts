import type { AttentionLayout, Compute } from '../backend/contract';
import { TensorError } from '../errors';
import { showShape } from '../shape';
import { isTracked, record } from '../tape';
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
  /**
   * bfloat16 rounds q, k, v and the softmax weights before their products, and what the gradients multiply; default
   * float32.
   */
  readonly compute?: Compute;
}

/**
 * The layout of self-attention without a cache: keys are the batch's own rows, segment b from offsets[b] to
 * offsets[b+1].
 *
 * @param offsets (B + 1), from 0, non-decreasing. The layout keeps this very array.
 * @throws TensorError `value` for other offsets.
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
 * Softmax attention over a ragged batch, softmax(scale · q kᵀ) v: q (N, Hq, D), k and v (R, Hkv, D), float dtypes, k
 * and v of one → (N, Hq, D) float32. Query head h reads key head ⌊h · Hkv / Hq⌋. Memory is linear in the lengths. A
 * row's result does not depend on the batch, on how a prompt was chunked, or on whether keys came from a cache.
 *
 * @throws TensorError `shape`, `dtype`, `value` for a layout that points outside k and v, or a setting out of its
 *   range.
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
