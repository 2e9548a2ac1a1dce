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
 * that has one disposes it.
 */
export class PassPlans {
  /** The latest first. */
  readonly #entries: Entry[] = [];

  /**
   * Runs the layers as `run` does. A pass of one row for each sequence is recorded, and stands in for the later ones of
   * as many sequences.
   *
   * @param layers Tells models that share the cache apart.
   * @param input (N, C); belongs to this method from here on.
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

  dispose(): void {
    for (const { plan } of this.#entries.splice(0)) plan?.dispose();
  }
}
