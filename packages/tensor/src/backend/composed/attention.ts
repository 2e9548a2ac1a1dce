import type { AttentionAttrs, NDArray } from '../contract';
import type { Steps } from './steps';

/** One document of a ragged batch. */
interface Segment {
  readonly from: number;
  readonly queries: number;
  /** Absolute position of the first query. */
  readonly position: number;
  /** Row of k and v that holds each key. */
  readonly keyRows: Int32Array;
}

function segmentsOf({ layout }: AttentionAttrs): Segment[] {
  const { queryOffsets, queryStarts, keyLengths, pageOffsets, pageRows, pageSize } = layout;
  const segments: Segment[] = [];
  for (let b = 0; b < queryStarts.length; b++) {
    const from = queryOffsets[b] as number;
    const queries = (queryOffsets[b + 1] as number) - from;
    if (queries === 0) continue;
    const pages = pageOffsets[b] as number;
    const keyRows = new Int32Array(keyLengths[b] as number);
    for (let j = 0; j < keyRows.length; j++) {
      keyRows[j] = (pageRows[pages + Math.floor(j / pageSize)] as number) + (j % pageSize);
    }
    segments.push({ from, queries, position: queryStarts[b] as number, keyRows });
  }
  return segments;
}

/** (T, S) of true where query t sees key j. */
function visibility(s: Steps, segment: Segment, { causal, window }: AttentionAttrs): NDArray {
  const { queries, position, keyRows } = segment;
  const keys = keyRows.length;
  const see = new Uint8Array(queries * keys);
  for (let t = 0, at = 0; t < queries; t++) {
    for (let j = 0; j < keys; j++, at++) {
      const hidden = (causal && j > position + t) || (window !== null && j <= position + t - window);
      see[at] = hidden ? 0 : 1;
    }
  }
  return s.upload(see, [queries, keys], 'bool');
}

/** A segment's operands with heads first. G = Hq / Hkv query heads read one key head. */
interface Operands {
  readonly q: NDArray; // (Hkv, G·T, D)
  readonly k: NDArray; // (Hkv, S, D)
  readonly v: NDArray; // (Hkv, S, D)
  /** Scores after scale and soft-cap, before masking, (Hq, T, S). */
  readonly scores: NDArray;
  /** The same with -Infinity where a key is hidden. */
  readonly masked: NDArray;
}

function operandsOf(
  s: Steps,
  arrays: readonly [q: NDArray, k: NDArray, v: NDArray],
  segment: Segment,
  attrs: AttentionAttrs,
): Operands {
  const [q, k, v] = arrays;
  const [, heads, width] = q.shape as [number, number, number];
  const keyHeads = k.shape[1] as number;
  const { queries, from, keyRows } = segment;
  const index = s.upload(keyRows, [keyRows.length], 'int32');
  const keyed = (x: NDArray): NDArray =>
    s.permute(s.operand(s.own(s.kernels.indexSelect(x, index, 0)), attrs.compute), [1, 0, 2]);
  const own = headsFirst(s, s.operand(s.rows(q, from, queries), attrs.compute), keyHeads);
  const [ks, vs] = [keyed(k), keyed(v)];
  let scores = s.mul(s.matmul(own, ks, 'b'), attrs.scale);
  if (attrs.softcap !== null) scores = s.mul(s.unary('tanh', s.div(scores, attrs.softcap)), attrs.softcap);
  scores = s.view(scores, [heads, queries, keyRows.length]);
  const masked = s.where(visibility(s, segment, attrs), scores, Number.NEGATIVE_INFINITY);
  return { q: s.view(own, [keyHeads, (heads / keyHeads) * queries, width]), k: ks, v: vs, scores, masked };
}

/** (T, Hq, D) as (Hkv, G·T, D). */
function headsFirst(s: Steps, x: NDArray, keyHeads: number): NDArray {
  const [queries, heads, width] = x.shape as [number, number, number];
  return s.view(s.permute(x, [1, 0, 2]), [keyHeads, (heads / keyHeads) * queries, width]);
}

/** (Hkv, G·T, D) or (Hq, T, D) as (T, Hq, D). */
function rowsFirst(s: Steps, x: NDArray, heads: number, queries: number): NDArray {
  return s.permute(s.view(x, [heads, queries, x.shape[2] as number]), [1, 0, 2]);
}

/** Attention one segment at a time; holds a segment's (Hq, T, S) scores. */
export function attention(
  s: Steps,
  ...args: readonly [q: NDArray, k: NDArray, v: NDArray, sinks: NDArray | null, attrs: AttentionAttrs]
): { y: NDArray; lse: NDArray } {
  const [q, k, v, sinks, attrs] = args;
  const [, heads, width] = q.shape as [number, number, number];
  const keyHeads = k.shape[1] as number;
  const parts = segmentsOf(attrs).map((segment) =>
    s.inner((t) => {
      const { queries, keyRows } = segment;
      const o = operandsOf(t, [q, k, v], segment, attrs);
      const sink = sinks && t.view(t.cast(sinks, 'float32'), [heads, 1, 1]);
      let largest = t.reduceLast('max', o.masked);
      if (sink !== null) largest = t.binary('maximum', largest, sink);
      largest = t.replace(largest, Number.NEGATIVE_INFINITY, 0);
      const weights = t.unary('exp', t.sub(o.masked, largest));
      let total = t.reduceLast('sum', weights);
      if (sink !== null) total = t.add(total, t.unary('exp', t.sub(sink, largest)));
      const grouped = t.view(weights, [keyHeads, (heads / keyHeads) * queries, keyRows.length]);
      const sums = t.view(t.matmul(t.operand(grouped, attrs.compute), o.v), [heads, queries, width]);
      const lse = t.add(largest, t.unary('log', total)); // no key and no sink: 0 + log 0
      return {
        y: rowsFirst(t, t.div(sums, t.replace(total, 0, 1)), heads, queries),
        lse: t.view(rowsFirst(t, lse, heads, queries), [queries, heads]),
      };
    }),
  );
  if (parts.length === 0) return { y: s.fill(q.shape, 0), lse: s.fill(q.shape.slice(0, 2), 0) };
  return {
    y: s.concat(
      parts.map((p) => p.y),
      0,
    ),
    lse: s.concat(
      parts.map((p) => p.lse),
      0,
    ),
  };
}

/** The gradient of `attention`: weights are made again from the scores and their log-sum-exp. */
export function attentionGrad(
  s: Steps,
  ...args: readonly [
    q: NDArray,
    k: NDArray,
    v: NDArray,
    sinks: NDArray | null,
    y: NDArray,
    lse: NDArray,
    gy: NDArray,
    attrs: AttentionAttrs,
  ]
): { gq: NDArray; gk: NDArray; gv: NDArray; gsinks: NDArray | null } {
  const [q, k, v, sinks, y, lse, gy, attrs] = args;
  const [, heads] = q.shape as [number, number, number];
  const keyHeads = k.shape[1] as number;
  const segments = segmentsOf(attrs);
  const parts = segments.map((segment) =>
    s.inner((t) => {
      const { from, queries, keyRows } = segment;
      const o = operandsOf(t, [q, k, v], segment, attrs);
      const grouped = [keyHeads, (heads / keyHeads) * queries, keyRows.length];
      const g = t.cast(t.rows(gy, from, queries), 'float32');
      // d softmax: weight · (gy · v - gy · y), both (Hq, T, ·).
      const delta = t.permute(t.reduceLast('sum', t.mul(g, t.rows(y, from, queries))), [1, 0, 2]);
      const log = t.permute(t.view(t.rows(lse, from, queries), [queries, heads, 1]), [1, 0, 2]);
      const base = t.replace(log, Number.NEGATIVE_INFINITY, 0);
      const weights = t.unary('exp', t.sub(o.masked, base));
      const upstream = headsFirst(t, t.operand(g, attrs.compute), keyHeads);
      const products = t.view(t.matmul(upstream, o.v, 'b'), weights.shape);
      let ds = t.mul(t.mul(weights, t.sub(products, delta)), attrs.scale);
      if (attrs.softcap !== null) {
        const bend = t.unary('square', t.div(o.scores, attrs.softcap));
        ds = t.sub(ds, t.mul(ds, bend));
      }
      const flat = t.operand(t.view(ds, grouped), attrs.compute);
      let gsinks: NDArray | null = null;
      if (sinks !== null) {
        const sink = t.view(t.cast(sinks, 'float32'), [heads, 1, 1]);
        const shares = t.mul(t.unary('exp', t.sub(sink, base)), delta);
        gsinks = t.own(t.kernels.reduce('sum', t.unary('neg', shares), [1, 2]));
      }
      return {
        gq: rowsFirst(t, t.matmul(flat, o.k), heads, queries),
        gk: t.permute(t.matmul(flat, o.q, 'a'), [1, 0, 2]),
        gv: t.permute(t.matmul(t.operand(t.view(weights, grouped), attrs.compute), upstream, 'a'), [1, 0, 2]),
        gsinks,
      };
    }),
  );
  const zeros = (x: NDArray): NDArray => s.fill(x.shape, 0, x.dtype);
  if (parts.length === 0) return { gq: zeros(q), gk: zeros(k), gv: zeros(v), gsinks: sinks && zeros(sinks) };
  const all = (pick: (p: (typeof parts)[number]) => NDArray): NDArray => s.concat(parts.map(pick), 0);
  const rows = Int32Array.from(segments.flatMap((segment) => [...segment.keyRows]));
  const index = s.upload(rows, [rows.length], 'int32');
  // Rows that several segments share add up.
  const spread = (x: NDArray, parts: NDArray): NDArray => {
    const sums = s.fill(x.shape, 0, parts.dtype);
    s.kernels.indexAddInPlace(sums, index, parts, 0);
    return s.cast(sums, x.dtype);
  };
  return {
    gq: s.cast(
      all((p) => p.gq),
      q.dtype,
    ),
    gk: spread(
      k,
      all((p) => p.gk),
    ),
    gv: spread(
      v,
      all((p) => p.gv),
    ),
    gsinks:
      sinks &&
      s.cast(
        parts.map((p) => p.gsinks as NDArray).reduce((a, b) => s.add(a, b)),
        sinks.dtype,
      ),
  };
}
