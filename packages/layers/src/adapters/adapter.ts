import {
  type Tensor,
  cast,
  copyInPlace,
  isQuantizedWeight,
  keep,
  mul,
  noGrad,
  norm,
  normal,
  parameter,
  reshape,
  scope,
  uniform,
  zeros,
  zerosLike,
} from '@tessera-llm/tensor';
import { LayersError } from '../errors';
import { type Module, stateProblems } from '../module';
import type { LoraFactors } from './adaptable';
import { type LoraConfig, type LoraConfigInput, loraConfig } from './config';
import { AdapterSlots } from './slots';
import { type AdaptedModel, type Target, targetsOf } from './targets';

/** An adapter apart from any model: PEFT's two files, read. */
export interface AdapterSpec {
  /** adapter_config.json, its own names. */
  readonly config: LoraConfig;
  /** adapter_model.safetensors: `base_model.model.<layer>.lora_A.weight` (R, in), `….lora_B.weight` (out, R), of DoRA `….lora_magnitude_vector` (out). */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

type Factor = 'A' | 'B' | 'magnitude';

const keyOf = (path: string, factor: Factor): string =>
  `base_model.model.${path}.${factor === 'magnitude' ? 'lora_magnitude_vector' : `lora_${factor}.weight`}`;

/** Input and output width of a layer. */
function widths({ layer }: Target): [number, number] {
  const [p = 0, q = 0] = layer.weight.shape;
  return layer.weightIsTransposed ? [p, q] : [q, p];
}

/** ‖w‖ of the weights of every output, (out). */
function lengths({ layer }: Target): Tensor {
  return scope(() => {
    const weight = isQuantizedWeight(layer.weight) ? layer.weight.dequantize() : cast(layer.weight, 'float32');
    return norm(weight, { dims: [layer.weightIsTransposed ? 0 : 1] });
  });
}

/**
 * A new adapter that changes nothing yet: A is drawn, B is zero, as PEFT initialises them.
 *
 * @param model The model that it is for; it stays as it is.
 * @param config `target_modules` and what differs from PEFT's defaults.
 * @param options.seed Decides A.
 * @throws LayersError `adapter_config`
 *
 * @example
 * ```ts
 * import { type Batch, CausalLMModule, Embedding, type Head, Linear, applyAdapter, createAdapter, initializer } from '@tessera-llm/layers';
 * import type { Tensor } from '@tessera-llm/tensor';
 * class Small extends CausalLMModule {
 *   readonly embed = new Embedding(10, 4, { init: initializer({ seed: 1 }) });
 *   readonly proj = new Linear(4, 4, { init: initializer({ seed: 2 }) });
 *   constructor() {
 *     super({ vocabSize: 10, positionLimit: 100, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
 *   }
 *   get head(): Head {
 *     return { weight: this.embed.weight };
 *   }
 *   hidden(batch: Batch): Tensor {
 *     return this.proj.forward(this.embed.forward(batch.ids), batch);
 *   }
 * }
 * const model = new Small();
 * const adapter = applyAdapter(model, createAdapter(model, { target_modules: 'all-linear', r: 2 }, { seed: 3 }));
 * console.log([...adapter.tensors.keys()]); // base_model.model.proj.lora_A.weight, base_model.model.proj.lora_B.weight
 * ```
 */
export function createAdapter(
  model: AdaptedModel,
  config: LoraConfigInput,
  { seed }: { readonly seed: number | bigint },
): AdapterSpec {
  const checked = loraConfig({
    task_type: 'CAUSAL_LM',
    inference_mode: true,
    base_model_name_or_path: null,
    ...config,
  });
  const targets = targetsOf(model, checked);
  const { init_lora_weights: init } = checked;
  if (init === false) {
    throw new LayersError(
      'adapter_config',
      "[createAdapter] expected init_lora_weights to be true or 'gaussian', so that B starts at zero, got false",
    );
  }
  const tensors = new Map<string, Tensor>();
  targets.forEach((target, stream) => {
    const { path, rank } = target;
    const [width, out] = widths(target);
    // PyTorch's kaiming_uniform_ with a = √5 has this bound.
    const bound = 1 / Math.sqrt(width);
    const a =
      init === 'gaussian'
        ? normal([rank, width], { seed, stream, std: 1 / rank })
        : uniform([rank, width], { seed, stream, low: -bound, high: bound });
    tensors.set(keyOf(path, 'A'), parameter(a));
    tensors.set(keyOf(path, 'B'), parameter(zeros([out, rank])));
    if (checked.use_dora) tensors.set(keyOf(path, 'magnitude'), parameter(lengths(target)));
  });
  // The layers by name, so that the file means the same whatever counts as linear elsewhere.
  const target_modules =
    typeof checked.target_modules === 'string' ? targets.map(({ path }) => path) : checked.target_modules;
  const fan_in_fan_out = targets.every(({ layer }) => layer.weightIsTransposed);
  return { config: { ...checked, target_modules, fan_in_fan_out }, tensors };
}

/** An adapter that a model has; `applyAdapter` makes it. */
export interface Adapter extends AdapterSpec {
  /** What a batch's `adapters` calls it. */
  readonly index: number;
  /** True between `merge` and `unmerge`. */
  readonly merged: boolean;
  /**
   * Makes the weights what the adapter makes of them, W + s B A, so that it costs nothing more. A copy of the old weights is kept.
   *
   * @throws LayersError `adapter` beside other adapters, or where a weight is quantised; nothing has changed then.
   */
  merge(): void;
  /** Puts the weights back, bit for bit. */
  unmerge(): void;
  /** Takes the adapter off the model, unmerging it, and frees its tensors. With the last one the model can be trained again. */
  dispose(): void;
}

const slotsOf = new WeakMap<Module, { readonly slots: AdapterSlots; frozen: readonly Tensor[] }>();

/**
 * Gives a model an adapter (Hu et al. 2021, arXiv:2106.09685; DoRA: Liu et al. 2024, arXiv:2402.09353): each layer that it targets computes
 * y = x Wᵀ + s · dropout(x) Aᵀ Bᵀ, the adapter's part in float32 whatever the layer computes in; W may be quantised (Dettmers et al. 2023, arXiv:2305.14314).
 *
 * The model's own parameters are frozen (`requiresGrad` false) while it has adapters: train `adapter.tensors`. A model can have
 * several adapters; the batch's `adapters` says which one each segment uses (-1: none). With one adapter it may be left out.
 * The result of a row depends on its own adapter only, never on those of its neighbours.
 *
 * @param spec As `createAdapter` or a file gives it. Its float32 tensors become the adapter's parameters and are freed with it;
 *   others are converted.
 * @throws LayersError `adapter_config` for a configuration that can't be applied in full; `state` for missing or unexpected
 *   tensors and shapes that don't fit; `adapter` while another adapter is merged.
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
      originals?.forEach((original, i) => {
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
      const ratio = layer.lengthRatio(sum, factors.magnitude);
      copyInPlace(weight, mul(sum, layer.weightIsTransposed ? ratio : reshape(ratio, [-1, 1])));
    }),
  );
}
