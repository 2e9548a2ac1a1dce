import type { NDArray, PrimitiveKernels } from '../contract';
import { intsOf, type KernelMemory, type Values, valuesOf } from './memory';

type Family = Pick<PrimitiveKernels, 'sort' | 'topk'>;

/** True if a comes strictly before b in descending order; NaN counts as largest. */
function above(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}

/** Places of the n elements from `start`, sorted; ties by place. */
function sortedPlaces(values: Values, start: number, n: number, descending: boolean): Int32Array {
  const row = values.subarray(start, start + n);
  const places = Int32Array.from({ length: n }, (_, i) => i);
  return places.sort((p, q) => {
    const a = row[p] as number;
    const b = row[q] as number;
    if (above(a, b)) return descending ? -1 : 1;
    if (above(b, a)) return descending ? 1 : -1;
    return p - q;
  });
}

/** Above this k a full sort is cheaper than keeping the k best by insertion. */
const insertionLimit = 64;

/** Places of the k largest of the n elements from `start`, in descending order, ties to the lower place. */
function bestPlaces(values: Values, start: number, n: number, k: number): Int32Array {
  if (k > insertionLimit) return sortedPlaces(values, start, n, true).subarray(0, k);
  const places = new Int32Array(k);
  let count = 0;
  for (let i = 0; i < n; i++) {
    const v = values[start + i] as number;
    if (count === k && !(k > 0 && above(v, values[start + (places[k - 1] as number)] as number))) continue;
    let at = count < k ? count++ : k - 1;
    for (; at > 0 && above(v, values[start + (places[at - 1] as number)] as number); at--) {
      places[at] = places[at - 1] as number;
    }
    places[at] = i;
  }
  return places;
}

/** Order statistics along the last axis. */
export function sortKernels(memory: KernelMemory): Family {
  function pick(
    x: NDArray,
    k: number,
    placesOf: (values: Values, start: number, n: number) => Int32Array,
  ): { values: NDArray; indices: NDArray } {
    const n = x.shape[x.shape.length - 1] as number;
    const shape = [...x.shape.slice(0, -1), k];
    const values = memory.allocate(shape, x.dtype);
    const indices = memory.allocate(shape, 'int32');
    const [keys, source, target] = [valuesOf(memory, x), memory.raw(x), memory.raw(values)];
    const places = intsOf(memory, indices);
    const rows = n === 0 ? 0 : keys.length / n;
    for (let r = 0; r < rows; r++) {
      const order = placesOf(keys, r * n, n);
      places.set(order, r * k);
      for (let i = 0; i < k; i++) target[r * k + i] = source[r * n + (order[i] as number)] as number;
    }
    return { values, indices };
  }

  return {
    sort(x, descending) {
      const n = x.shape[x.shape.length - 1] as number;
      return pick(x, n, (values, start) => sortedPlaces(values, start, n, descending));
    },
    topk(x, k) {
      return pick(x, k, (values, start, n) => bestPlaces(values, start, n, k));
    },
  };
}
