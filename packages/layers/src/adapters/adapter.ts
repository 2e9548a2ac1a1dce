import {
  type Tensor,
  cast,
  copyInPlace,
  isQuantizedWeight,
  keep,
  mul,
  noGrad,
  parameter,
  reshape,
  scope,
  zerosLike,
} from '@tessera-llm/tensor';
import { LayersError } from '../errors';
import type { Module } from '../module';
import { stateProblems } from '../state-problems';
import type { LoraFactors } from './adaptable';
import { type LoraConfig, loraConfig } from './config';
import { AdapterSlots } from './slots';
import { type AdapterSpec, type Factor, keyOf, widths } from './spec';
import { type AdaptedModel, type Target, targetsOf } from './targets';

/** An adapter that a model has; `applyAdapter` makes it. */
export interface Adapter extends AdapterSpec {
  /** What a batch's `adapters` calls it. */
  readonly index: number;
  /** True between `merge` and `unmerge`. */
  readonly merged: boolean;
  /**
   * Makes the weights what the adapter makes of them, W + s B A (of DoRA with its lengths), so that it costs nothing
   * more. A copy of the old weights is kept.
   *
   * @throws LayersError `adapter` beside other adapters, or where a weight is quantised; nothing has changed then.
   */
  merge(): void;
  /** Puts the weights back, bit for bit. */
  unmerge(): void;
  /**
   * Takes the adapter off the model, unmerging it, and frees its tensors. With the last one the model can be trained
   * again.
   */
  dispose(): void;
}

const slotsOf = new WeakMap<Module, { readonly slots: AdapterSlots; frozen: readonly Tensor[] }>();

/**
 * Gives a model an adapter (Hu et al. 2021, arXiv:2106.09685; DoRA: Liu et al. 2024, arXiv:2402.09353): each layer that
 * it targets computes y = x Wᵀ + s · dropout(x) Aᵀ Bᵀ with A (R, in), B (out, R) and s = lora_alpha / R, the adapter's
 * part in float32 whatever the layer computes in; W may be quantised (Dettmers et al. 2023, arXiv:2305.14314).
 *
 * The model's own parameters are frozen (`requiresGrad` false) while it has adapters: train `adapter.tensors`. A model
 * can have several adapters; the batch's `adapters` says which one each segment uses (-1: none). With one adapter it
 * may be left out. The result of a row depends on its own adapter only, never on those of its neighbours.
 *
 * @param spec As `createAdapter` or a file gives it. Its float32 tensors become the adapter's parameters and are freed
 *   with it; others are converted.
 * @throws LayersError `adapter_config` for a configuration that can't be applied in full; `state` for missing or
 *   unexpected tensors and shapes that don't fit; `adapter` while another adapter is merged.
 *
 * @example
 * ```ts
 * import { Linear, Module, applyAdapter, createAdapter, initializer } from '@tessera-llm/layers';
 * class Small extends Module {
 *   readonly proj = new Linear(4, 4, { init: initializer({ seed: 1 }) });
 *   readonly head = { weight: null };
 * }
 * const model = new Small();
 * const adapter = applyAdapter(model, createAdapter(model, { target_modules: ['proj'], r: 2 }, { seed: 2 }));
 * console.log(adapter.index, adapter.tensors.size, model.parameters().some((p) => p.requiresGrad)); // 0 2 false
 * adapter.dispose();
 * ```
 */
export function applyAdapter(model: AdaptedModel, spec: AdapterSpec): Adapter {
  const config = loraConfig(spec.config);
  const targets = targetsOf(model, config);
  checkTensors(targets, spec.tensors, config);
  const known = slotsOf.get(model) ?? { slots: new AdapterSlots(), frozen: [] };
  slotsOf.set(model, known);
  const { slots } = known;
  const index = slots.take();
  if (slots.count === 1) known.frozen = model.parameters().filter((p) => p.requiresGrad);
  for (const p of known.frozen) p.requiresGrad = false;

  const tensors = new Map<string, Tensor>();
  const own = (path: string, factor: Factor): Tensor => {
    const key = keyOf(path, factor);
    const given = spec.tensors.get(key) as Tensor; // none is missing: checked above
    const tensor = parameter(given.dtype === 'float32' ? given : noGrad(() => cast(given, 'float32')));
    tensors.set(key, tensor);
    return tensor;
  };
  const parts = targets.map(({ path, layer, scale }): Part => {
    const [a, b] = [own(path, 'A'), own(path, 'B')];
    const magnitude = config.use_dora ? own(path, 'magnitude') : null;
    const factors = { a, b, magnitude, scale, dropout: config.lora_dropout, path };
    layer.setFactors(slots, index, factors);
    return { layer, factors };
  });

  let originals: readonly Tensor[] | null = null;
  let disposed = false;
  const adapter: Adapter = {
    config,
    tensors,
    index,
    get merged() {
      return originals !== null;
    },
    merge() {
      if (originals !== null) return;
      if (disposed) throw new LayersError('adapter', '[merge] expected an adapter of the model, got a disposed one');
      const weights = parts.map(denseWeight);
      slots.setMerged(index);
      originals = weights.map((w) => {
        const copy = keep(zerosLike(w));
        copyInPlace(copy, w);
        return copy;
      });
      parts.forEach((part, i) => mergeInto(weights[i] as Tensor, part));
    },
    unmerge() {
      if (originals === null) return;
      originals.forEach((original, i) => {
        copyInPlace(denseWeight(parts[i] as Part), original);
        original.dispose();
      });
      originals = null;
      slots.setMerged(null);
    },
    dispose() {
      if (disposed) return;
      disposed = true;
      if (originals !== null) adapter.unmerge();
      for (const { layer } of parts) layer.setFactors(slots, index, null);
      for (const tensor of tensors.values()) tensor.dispose();
      slots.free(index);
      if (slots.count > 0) return;
      for (const p of known.frozen) p.requiresGrad = true;
      known.frozen = [];
    },
  };
  return adapter;
}

interface Part {
  readonly layer: Target['layer'];
  readonly factors: LoraFactors;
}

function checkTensors(targets: readonly Target[], tensors: AdapterSpec['tensors'], { use_dora }: LoraConfig): void {
  const wanted = new Map<string, readonly number[]>();
  for (const target of targets) {
    const [width, out] = widths(target);
    wanted.set(keyOf(target.path, 'A'), [target.rank, width]);
    wanted.set(keyOf(target.path, 'B'), [out, target.rank]);
    if (use_dora) wanted.set(keyOf(target.path, 'magnitude'), [out]);
  }
  const problems = stateProblems(wanted, new Map([...tensors].map(([key, { shape }]) => [key, shape])));
  if (problems.length === 0) return;
  throw new LayersError('state', `[applyAdapter] the adapter does not fit the model; ${problems.join('; ')}`);
}

function denseWeight({ layer, factors }: Part): Tensor {
  const { weight } = layer;
  if (!isQuantizedWeight(weight)) return weight;
  throw new LayersError(
    'adapter',
    `[merge] expected dense weights, got ${weight.format} for ${factors.path}; ` +
      'open the model with dense weights, or leave the adapter beside the quantised ones',
  );
}

function mergeInto(weight: Tensor, { layer, factors }: Part): void {
  noGrad(() =>
    scope(() => {
      const sum = layer.adaptedWeight(factors);
      if (factors.magnitude === null) return copyInPlace(weight, sum);
      const ratio = layer.lengthRatio(factors, factors.magnitude);
      copyInPlace(weight, mul(sum, layer.weightIsTransposed ? ratio : reshape(ratio, [-1, 1])));
    }),
  );
}
