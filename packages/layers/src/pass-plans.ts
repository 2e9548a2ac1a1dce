import { type Plan, type Tensor, canPlan, recordPlan } from '@tessera-llm/tensor';
import type { Pass } from './pass';
import { structureVersion } from './structure';

/** Plans that are kept: the numbers of sequences that steps had lately. */
const mostPlans = 8;

interface Entry {
  readonly key: readonly unknown[];
  /** undefined: not recorded yet; null: the layers do what a plan can't. */
  plan: Plan | null | undefined;
}

/**
 * Recorded decoding steps over one cache, through the layers of a model: a step is the same kernels each time, and
 * without the layers' JavaScript, which takes as long as they do in a small model, they give the same bits. The cache
 * that has one disposes it. At most eight are kept, those of the latest numbers of sequences.
 *
 * @example
 * ```ts
 * import { PagedKVCache, batchFromSequences, beginPass, endPass } from '@tessera-llm/layers';
 * import { defaultBackend, mul, tensor } from '@tessera-llm/tensor';
 * const store = new PagedKVCache({ layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32', capacity: 64 });
 * const cache = { store, slots: new Int32Array([store.allocate(8)]) };
 * const layers: object[] = [];
 * // The native backend records the first step, and makes the second without the call.
 * for (const id of [5, 6]) {
 *   const pass = beginPass(batchFromSequences([[id]], { cache }), { backend: defaultBackend() });
 *   const y = store.plans.through(layers, pass, tensor([[id]]), (_, x) => mul(x, 2));
 *   endPass(pass);
 *   if (id === 6) console.log(await y.data()); // [12]
 * }
 * store.dispose();
 * ```
 */
export class PassPlans {
  /** The latest first. */
  readonly #entries: Entry[] = [];

  /**
   * Runs the layers as `run` does. A pass of one row for each sequence is recorded, and stands in for the later ones of
   * as many sequences. Without a cache, with a capture, under `grad`, or on a backend without plans `run` is called
   * each time.
   *
   * @param layers Tells models that share the cache apart.
   * @param input (N, C); belongs to this method from here on.
   * @param run Computes from the pass and the input that it is given, and from weights alone.
   * @returns What `run` returns.
   */
  through<P extends Pass>(layers: object, pass: P, input: Tensor, run: (pass: P, input: Tensor) => Tensor): Tensor {
    const { batch, cache, layout, rope } = pass;
    const decodes = batch.positions.length === batch.offsets.length - 1;
    if (cache === null || !decodes || batch.capture !== undefined || !canPlan(input.backend)) return run(pass, input);

    const { queryOffsets, queryStarts, keyLengths, pageOffsets, pageRows } = layout;
    const arrays = [queryOffsets, queryStarts, keyLengths, pageOffsets, pageRows, cache.rows];
    const tensors = rope === null ? [input] : [input, rope.cos, rope.sin];
    const lengths = arrays.map((array) => array.length);
    const entry = this.#latest([layers, structureVersion(), tensors.length, `${lengths}`, `${batch.adapters}`]);
    if (entry.plan === null) return run(pass, input);

    let result: Tensor;
    if (entry.plan?.usable === true) {
      result = entry.plan.run({ tensors, arrays });
    } else {
      entry.plan?.dispose();
      const recorded = recordPlan({ tensors, arrays }, ([x, cos, sin]) =>
        run({ ...pass, rope: cos === undefined || sin === undefined ? null : { cos, sin } }, x as Tensor),
      );
      result = recorded.result;
      entry.plan = recorded.plan;
    }
    input.dispose();
    return result;
  }

  /** The entry of a key, moved to the front; a new one if there is none. */
  #latest(key: readonly unknown[]): Entry {
    const at = this.#entries.findIndex((entry) => entry.key.every((value, i) => value === key[i]));
    const entry = this.#entries.splice(at, at < 0 ? 0 : 1)[0] ?? { key, plan: undefined };
    this.#entries.unshift(entry);
    for (const { plan } of this.#entries.splice(mostPlans)) plan?.dispose();
    return entry;
  }

  /** Gives the plans' memory back. */
  dispose(): void {
    for (const { plan } of this.#entries.splice(0)) plan?.dispose();
  }
}
