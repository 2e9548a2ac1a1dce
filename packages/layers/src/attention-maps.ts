import {
  type AttentionLayout,
  type Tensor,
  add,
  cast,
  concat,
  div,
  indexSelect,
  matmul,
  mul,
  narrow,
  permute,
  reshape,
  softmax,
  stack,
  tanh,
  tensor,
} from '@tessera-llm/tensor';
import type { ScoreOptions } from './attention';
import type { Segments } from './batch';
import type { Dropout } from './dropout';

/**
 * The weights that attention multiplies the values with, written out: for each segment (H, Tq, Tk). Composed of plain
 * ops, so gradients flow; holds Tq x Tk, unlike `attention`.
 */
export function attentionMaps(q: Tensor, k: Tensor, layout: AttentionLayout, options: ScoreOptions): Tensor[] {
  return segmentsOf(layout).map((segment) => weights(q, k, segment, options));
}

/** Attention by way of its written-out weights, which dropout thins. */
export function mapsAttention(
  q: Tensor,
  { k, v }: { readonly k: Tensor; readonly v: Tensor },
  layout: AttentionLayout,
  options: ScoreOptions & { readonly dropout: Dropout; readonly batch: Segments },
): Tensor {
  const { dropout, batch } = options;
  const heads = q.shape[1] ?? 0;
  const parts = segmentsOf(layout).map((segment) => {
    const p = weights(q, k, segment, options); // (H, Tq, Tk)
    const keys = segmentKeys(batch, segment);
    // One head at a time: an element's key is then its key position, whatever the segment's length.
    const thinned = Array.from({ length: heads }, (_, h) =>
      dropout.drop(
        reshape(narrow(p, { dim: 0, start: h, length: 1 }), [segment.rows, segment.keyRows.length]),
        batch,
        keys,
        h,
      ),
    );
    const values = headsFirst(rowsOf(v, segment.keyRows), heads); // (H, Tk, D)
    return permute(matmul(stack(thinned), values), [1, 0, 2]); // (Tq, H, D)
  });
  return concat(parts);
}

interface Segment {
  readonly index: number;
  readonly first: number;
  readonly rows: number;
  /** Position of the first query. */
  readonly start: number;
  /** Row of each key in the stores: (Tk). */
  readonly keyRows: Int32Array;
}

function segmentsOf(layout: AttentionLayout): Segment[] {
  const { queryOffsets, queryStarts, keyLengths, pageOffsets, pageRows, pageSize } = layout;
  return Array.from(keyLengths, (length, index) => {
    const first = queryOffsets[index] ?? 0;
    const firstPage = pageOffsets[index] ?? 0;
    const keyRows = Int32Array.from(
      { length },
      (_, j) => (pageRows[firstPage + Math.floor(j / pageSize)] ?? 0) + (j % pageSize),
    );
    const rows = (queryOffsets[index + 1] ?? 0) - first;
    return { index, first, rows, start: queryStarts[index] ?? 0, keyRows };
  });
}

function rowsOf(x: Tensor, rows: Int32Array): Tensor {
  return cast(indexSelect(x, tensor(rows, { backend: x.backend }), { dim: 0 }), 'float32');
}

/** (T, Hkv, D) -> (Hq, T, D), each key head repeated for the query heads that read it. */
function headsFirst(x: Tensor, heads: number): Tensor {
  const kv = x.shape[1] ?? 1;
  const order = Int32Array.from({ length: heads }, (_, h) => Math.floor((h * kv) / heads));
  const first = permute(x, [1, 0, 2]);
  return kv === heads ? first : indexSelect(first, tensor(order, { backend: x.backend }), { dim: 0 });
}

function weights(q: Tensor, k: Tensor, segment: Segment, options: ScoreOptions): Tensor {
  const { first, rows, start, keyRows } = segment;
  const heads = q.shape[1] ?? 0;
  const { causal, window, softcap, scale } = options;
  const queries = permute(narrow(q, { dim: 0, start: first, length: rows }), [1, 0, 2]); // (H, Tq, D)
  let scores = mul(matmul(queries, headsFirst(rowsOf(k, keyRows), heads), { transposeB: true }), scale);
  if (softcap !== null) scores = mul(tanh(div(scores, softcap)), softcap);
  const mask = new Float32Array(rows * keyRows.length);
  for (let t = 0; t < rows; t++) {
    for (let j = 0; j < keyRows.length; j++) {
      const position = start + t;
      const seen = (!causal || j <= position) && (window === null || j > position - window);
      mask[t * keyRows.length + j] = seen ? 0 : Number.NEGATIVE_INFINITY;
    }
  }
  const shape = [rows, keyRows.length];
  return softmax(add(scores, tensor(mask, { shape, backend: q.backend })));
}

/** (sample, position) of a segment's rows. */
function segmentKeys({ rng, positions }: Segments, segment: Segment): Int32Array {
  const keys = new Int32Array(2 * segment.rows);
  for (let t = 0; t < segment.rows; t++) {
    keys[2 * t] = rng?.sampleIds[segment.index] ?? 0;
    keys[2 * t + 1] = positions[segment.first + t] ?? 0;
  }
  return keys;
}
