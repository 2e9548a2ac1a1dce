import { type AttentionLayout, type Backend, type Tensor, scope, selfLayout } from '@tessera-llm/tensor';
import { type Segments, checkSegments } from './batch';
import type { CacheStep } from './cache';
import type { Rotary, RotaryTables } from './rotary';

/** What all layers of one forward pass share. */
export interface Pass<S extends Segments = Segments> {
  readonly batch: S;
  /** Where the keys of self-attention lie. */
  readonly layout: AttentionLayout;
  readonly cache: CacheStep | null;
  readonly rope: RotaryTables | null;
  /** Attention maps of this pass, in order; the model moves them to the batch's capture. */
  readonly maps: Tensor[];
}

/** Settings of `beginPass`. */
export interface PassOptions {
  /** Where the rotary tables go: the backend of the weights. */
  readonly backend: Backend;
  /** Default null: no rotary positions. */
  readonly rotary?: Rotary | null;
}

/**
 * Starts a forward pass: checks the batch, reserves room in its cache and makes the rotary tables, once for all layers.
 * The caller ends it with `endPass`.
 *
 * @throws LayersError what `checkSegments` and the cache's `begin` throw: `shape`, `value`, `cache`, `cache_full`,
 *   `adapter`; `position_out_of_range` for a negative position, or one beyond the length that a rotary scaling depends
 *   on.
 *
 * @example
 * ```ts
 * import { batchFromSequences, beginPass } from '@tessera-llm/layers';
 * import { defaultBackend } from '@tessera-llm/tensor';
 * const pass = beginPass(batchFromSequences([[5, 6, 7], [8, 9]]), { backend: defaultBackend() });
 * console.log(pass.layout.keyLengths, pass.cache); // [3, 2] null
 * ```
 */
export function beginPass<S extends Segments>(batch: S, { backend, rotary = null }: PassOptions): Pass<S> {
  const { offsets, positions, cache } = batch;
  checkSegments(batch, positions.length);
  const step = cache === undefined ? null : cache.store.begin({ slots: cache.slots, offsets });
  return {
    batch,
    layout: step === null ? selfLayout(offsets) : step.layout,
    cache: step,
    rope: rotary === null ? null : rotary.tables(batch, backend),
    maps: [],
  };
}

/**
 * Ends a pass that went well: its rows count in the cache, and its attention maps go to the capture. One that throws
 * before leaves the cache's lengths as they were.
 *
 * @example
 * ```ts
 * import { PagedKVCache, batchFromSequences, beginPass, endPass } from '@tessera-llm/layers';
 * import { defaultBackend } from '@tessera-llm/tensor';
 * const store = new PagedKVCache({ layers: 1, numKeyValueHeads: 1, headDim: 8, compute: 'float32', capacity: 64 });
 * const slot = store.allocate(10);
 * const batch = batchFromSequences([[5, 6, 7]], { cache: { store, slots: new Int32Array([slot]) } });
 * endPass(beginPass(batch, { backend: defaultBackend() }));
 * console.log(store.length(slot)); // 3
 * store.dispose();
 * ```
 */
export function endPass(pass: Pass): void {
  pass.cache?.commit();
  pass.batch.capture?.attentions?.push(...pass.maps);
}

/** Settings of `runLayers`. */
export interface RunLayersOptions {
  /**
   * Decoding steps over a cache may be recorded and then run without calling `forward`. For layers that compute from x,
   * the pass they are given and their weights alone; default false.
   */
  readonly plan?: boolean;
  /**
   * What follows the last layer, its norm say, and computes as layers do. It does not count as a layer for the capture.
   */
  readonly last?: (x: Tensor) => Tensor;
}

/**
 * Runs the layers of a model one after another, each in a memory scope of its own: what a layer made and nobody needs
 * later (the tape keeps what gradients need) is freed before the next one.
 *
 * @param input (N, C); belongs to this function from here on.
 * @param forward One layer's part; the pass that it is given may be a copy whose tensors stay in place.
 * @returns (N, C): what `last` makes of the last layer's output; each layer's input is in the batch's capture, if it
 * asks for hidden states.
 *
 * @example
 * ```ts
 * import { batchFromSequences, beginPass, endPass, runLayers } from '@tessera-llm/layers';
 * import { defaultBackend, mul, tensor } from '@tessera-llm/tensor';
 * const pass = beginPass(batchFromSequences([[5]]), { backend: defaultBackend() });
 * const y = runLayers(pass, tensor([[1, 2]]), [2, 5], (factor, x) => mul(x, factor));
 * endPass(pass);
 * console.log(await y.data()); // [10, 20]
 * ```
 */
export function runLayers<L, P extends Pass>(
  pass: P,
  input: Tensor,
  layers: readonly L[],
  forward: (layer: L, x: Tensor, pass: P) => Tensor,
  { plan = false, last }: RunLayersOptions = {},
): Tensor {
  const run = (current: P, first: Tensor): Tensor => {
    const hiddenStates = current.batch.capture?.hiddenStates;
    let x = first;
    for (const layer of layers) {
      hiddenStates?.push(x);
      // Maps that the layer recorded must outlive the scope, so they are returned with the result.
      const [y] = scope((): [Tensor, readonly Tensor[]] => [forward(layer, x, current), current.maps]);
      if (hiddenStates === undefined) x.dispose();
      x = y;
    }
    if (last === undefined) return x;
    const y = last(x);
    x.dispose();
    return y;
  };
  const plans = plan ? pass.batch.cache?.store.plans : undefined;
  return plans === undefined ? run(pass, input) : plans.through(layers, pass, input, run);
}
