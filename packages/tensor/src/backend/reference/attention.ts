import type { AttentionAttrs, FusedKernels, NDArray } from '../contract';
import { operandOf, roundedToBfloat16 } from './matmul';
import { type KernelMemory, floatOutput, floatsOf } from './memory';

type Family = Pick<FusedKernels, 'attention' | 'attentionGrad'>;

interface Query {
  /** Row of q, and head. */
  readonly row: number;
  readonly head: number;
  /** Offset of the query in q, and of the row's head in (N, Hq). */
  readonly at: number;
  readonly slot: number;
  /** Visible keys of the document: from `first` to before `last`. */
  readonly first: number;
  readonly last: number;
  /** Where key j begins in k and v. */
  keyAt(j: number): number;
}

/** Every query of the batch with the keys it sees. */
function eachQuery(q: NDArray, k: NDArray, attrs: AttentionAttrs, visit: (query: Query) => void): void {
  const [, heads, width] = q.shape as [number, number, number];
  const keyHeads = k.shape[1] as number;
  const { queryOffsets, queryStarts, keyLengths, pageOffsets, pageRows, pageSize } = attrs.layout;
  for (let b = 0; b < queryStarts.length; b++) {
    const from = queryOffsets[b] as number;
    const pages = pageOffsets[b] as number;
    for (let row = from; row < (queryOffsets[b + 1] as number); row++) {
      const position = (queryStarts[b] as number) + row - from;
      const length = keyLengths[b] as number;
      const last = attrs.causal ? Math.min(length, position + 1) : length;
      const first = attrs.window === null ? 0 : Math.max(0, position - attrs.window + 1);
      for (let head = 0; head < heads; head++) {
        const keyHead = Math.floor((head * keyHeads) / heads);
        const keyAt = (j: number): number => {
          const start = (pageRows[pages + Math.floor(j / pageSize)] as number) + (j % pageSize);
          return (start * keyHeads + keyHead) * width;
        };
        visit({ row, head, at: (row * heads + head) * width, slot: row * heads + head, first, last, keyAt });
      }
    }
  }
}

function dot(a: Float32Array, i: number, b: Float32Array, j: number, n: number): number {
  let sum = 0;
  for (let d = 0; d < n; d++) sum += (a[i + d] as number) * (b[j + d] as number);
  return sum;
}

/**
 * Attention query by query in two passes over the keys, sums in float64 in the order of the keys' positions: what a
 * query gets depends on itself and its document's keys alone.
 */
export function attentionKernels(memory: KernelMemory): Family {
  const scoresOf = (
    query: Query,
    x: Float32Array,
    y: Float32Array,
    width: number,
    attrs: AttentionAttrs,
    out: Float64Array,
  ): void => {
    const { softcap, scale } = attrs;
    for (let j = query.first; j < query.last; j++) {
      const score = dot(x, query.at, y, query.keyAt(j), width) * scale;
      out[j - query.first] = softcap === null ? score : softcap * Math.tanh(score / softcap);
    }
  };
  const longest = (attrs: AttentionAttrs) => attrs.layout.keyLengths.reduce((a, b) => Math.max(a, b), 0);
  const rounded = (values: Float64Array, count: number, attrs: AttentionAttrs): Float64Array =>
    attrs.compute === 'float32'
      ? values
      : Float64Array.from(roundedToBfloat16(Float32Array.from(values.subarray(0, count))));
  return {
    attention(q, k, v, sinks, attrs) {
      const [rows, heads, width] = q.shape as [number, number, number];
      const [x, y, z] = [
        operandOf(memory, q, attrs.compute),
        operandOf(memory, k, attrs.compute),
        operandOf(memory, v, attrs.compute),
      ];
      const sink = sinks === null ? null : floatsOf(memory, sinks);
      const out = floatOutput(memory, q.shape, 'float32');
      const lse = floatOutput(memory, [rows, heads], 'float32');
      const scores = new Float64Array(longest(attrs));
      const sums = new Float64Array(width);
      eachQuery(q, k, attrs, (query) => {
        const count = Math.max(0, query.last - query.first);
        scoresOf(query, x, y, width, attrs, scores);
        let largest = sink === null ? Number.NEGATIVE_INFINITY : (sink[query.head] as number);
        for (let j = 0; j < count; j++) largest = Math.max(largest, scores[j] as number);
        // Where every score is -infinity there is nothing to subtract, and the weights are 0.
        if (largest === Number.NEGATIVE_INFINITY) largest = 0;
        let total = sink === null ? 0 : Math.exp((sink[query.head] as number) - largest);
        for (let j = 0; j < count; j++) {
          scores[j] = Math.exp((scores[j] as number) - largest);
          total += scores[j] as number;
        }
        const weights = rounded(scores, count, attrs);
        sums.fill(0);
        for (let j = 0; j < count; j++) {
          const w = weights[j] as number;
          const at = query.keyAt(query.first + j);
          for (let d = 0; d < width; d++) sums[d] = (sums[d] as number) + w * (z[at + d] as number);
        }
        for (let d = 0; d < width; d++) out.values[query.at + d] = total === 0 ? 0 : (sums[d] as number) / total;
        lse.values[query.slot] = total === 0 ? Number.NEGATIVE_INFINITY : largest + Math.log(total);
      });
      return { y: out.done(), lse: lse.done() };
    },
    attentionGrad(q, k, v, sinks, y, lse, gy, attrs) {
      const width = q.shape[2] as number;
      const { softcap, scale } = attrs;
      const [qs, ks, vs] = [
        operandOf(memory, q, attrs.compute),
        operandOf(memory, k, attrs.compute),
        operandOf(memory, v, attrs.compute),
      ];
      const [ys, logs, gs] = [floatsOf(memory, y), floatsOf(memory, lse), floatsOf(memory, gy)];
      const gys = operandOf(memory, gy, attrs.compute);
      const sink = sinks === null ? null : floatsOf(memory, sinks);
      const gq = floatOutput(memory, q.shape, q.dtype);
      const gk = floatOutput(memory, k.shape, k.dtype);
      const gv = floatOutput(memory, v.shape, v.dtype);
      const [sumK, sumV] = [new Float64Array(gk.values.length), new Float64Array(gv.values.length)];
      const sumQ = new Float64Array(width);
      const sumSinks = new Float64Array(q.shape[1] as number);
      const [scores, slopes] = [new Float64Array(longest(attrs)), new Float64Array(longest(attrs))];
      eachQuery(q, k, attrs, (query) => {
        const log = logs[query.slot] as number;
        sumQ.fill(0);
        if (log !== Number.NEGATIVE_INFINITY) {
          // d softmax: weight · (gy · v - gy · y).
          const base = dot(gs, query.at, ys, query.at, width);
          scoresOf(query, qs, ks, width, attrs, scores);
          const count = Math.max(0, query.last - query.first);
          for (let j = 0; j < count; j++) {
            const score = scores[j] as number;
            const weight = Math.exp(score - log);
            let slope = weight * (dot(gys, query.at, vs, query.keyAt(query.first + j), width) - base) * scale;
            if (softcap !== null) slope *= 1 - (score / softcap) ** 2;
            scores[j] = weight;
            slopes[j] = slope;
          }
          const [w, g] = [rounded(scores, count, attrs), rounded(slopes, count, attrs)];
          for (let j = 0; j < count; j++) {
            const at = query.keyAt(query.first + j);
            const [weight, slope] = [w[j] as number, g[j] as number];
            for (let d = 0; d < width; d++) {
              sumQ[d] = (sumQ[d] as number) + slope * (ks[at + d] as number);
              sumK[at + d] = (sumK[at + d] as number) + slope * (qs[query.at + d] as number);
              sumV[at + d] = (sumV[at + d] as number) + weight * (gys[query.at + d] as number);
            }
          }
          if (sink !== null) {
            const weight = Math.exp((sink[query.head] as number) - log);
            sumSinks[query.head] = (sumSinks[query.head] as number) - weight * base;
          }
        }
        gq.values.set(sumQ, query.at);
      });
      gk.values.set(sumK);
      gv.values.set(sumV);
      let gsinks: NDArray | null = null;
      if (sinks !== null) {
        const out = floatOutput(memory, sinks.shape, sinks.dtype);
        out.values.set(sumSinks);
        gsinks = out.done();
      }
      return { gq: gq.done(), gk: gk.done(), gv: gv.done(), gsinks };
    },
  };
}
