/** What narrows the tokens that may be drawn. */
export interface Filters {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
}

/**
 * Tokens that top-k, then top-p, then min-p leave; null: all of them.
 *
 * @param logits (V)
 * @param max The largest of them.
 */
export function candidates(logits: Float32Array, max: number, filters: Filters): Int32Array | null {
  const { temperature, topK, topP, minP } = filters;
  const weight = (logit: number): number => Math.exp((logit - max) / temperature);
  let kept: Int32Array | null = null;
  if (topK > 0 && topK < logits.length) kept = mostLikely(logits, topK);
  if (topP < 1) kept = nucleus(logits, kept, { weight, topP, likely: max - 9 * temperature });
  if (minP === 0) return kept;
  // A little below the bound all the same: which of the tokens there are in is said by their weights.
  const floor = max + temperature * Math.log(minP) - 1e-3;
  return (kept ?? above(logits, floor)).filter((id) => weight(logits[id] as number) >= minP);
}

/**
 * The most likely tokens that together reach `topP` of the weight of `ids` (null: of all); always at least one, and the
 * lower ids of equal logits.
 */
function nucleus(
  logits: Float32Array,
  ids: Int32Array | null,
  { weight, topP, likely }: { weight: (logit: number) => number; topP: number; likely: number },
): Int32Array {
  const values = ids === null ? logits : Float32Array.from(ids, (id) => logits[id] as number);
  let total = 0;
  for (let i = 0; i < values.length; i++) total += weight(values[i] as number);
  const [cutoff, equals] = edge(values, { weight, wanted: topP * total, likely });
  let room = equals;
  const inside = (id: number): boolean => {
    const logit = logits[id] as number;
    return logit > cutoff || (logit === cutoff && room-- > 0);
  };
  return (ids ?? above(logits, cutoff)).filter(inside);
}

/** The smallest logit of the nucleus, and how many of its tokens have it. */
function edge(
  values: Float32Array,
  { weight, wanted, likely }: { weight: (logit: number) => number; wanted: number; likely: number },
): [cutoff: number, equals: number] {
  // Sorting numbers is fast, and fewer are faster: the likely ones nearly always do.
  for (const least of [likely, Number.NEGATIVE_INFINITY]) {
    const sorted = values.filter((value) => value >= least).sort();
    let reached = 0;
    let equals = 0;
    for (let i = sorted.length - 1; i >= 0; i--) {
      const value = sorted[i] as number;
      reached += weight(value);
      equals = value === sorted[i + 1] ? equals + 1 : 1;
      if (reached >= wanted || (i === 0 && least < likely)) return [value, equals];
    }
  }
  return [Number.NEGATIVE_INFINITY, values.length];
}

/** Ids of logits that are at least `floor`, ascending. */
function above(logits: Float32Array, floor: number): Int32Array {
  const ids = new Int32Array(logits.length);
  let count = 0;
  for (let id = 0; id < logits.length; id++) if ((logits[id] as number) >= floor) ids[count++] = id;
  return ids.slice(0, count);
}

/** The k most likely tokens, ascending ids, ties to the lower id: a heap of the best so far, the worst on top. */
export function mostLikely(logits: Float32Array, k: number): Int32Array {
  const heap = Int32Array.from({ length: k }, (_, id) => id);
  const worse = (a: number, b: number): boolean => {
    const x = logits[a] as number;
    const y = logits[b] as number;
    return x < y || (x === y && a > b);
  };
  const sink = (from: number): void => {
    const id = heap[from] as number;
    let i = from;
    for (let child = 2 * i + 1; child < k; child = 2 * i + 1) {
      if (child + 1 < k && worse(heap[child + 1] as number, heap[child] as number)) child++;
      if (!worse(heap[child] as number, id)) break;
      heap[i] = heap[child] as number;
      i = child;
    }
    heap[i] = id;
  };
  for (let i = (k >> 1) - 1; i >= 0; i--) sink(i);
  let least = logits[heap[0] as number] as number;
  for (let id = k; id < logits.length; id++) {
    // An equal logit of a higher id is no better.
    if (!((logits[id] as number) > least)) continue;
    heap[0] = id;
    sink(0);
    least = logits[heap[0] as number] as number;
  }
  return heap.sort();
}
