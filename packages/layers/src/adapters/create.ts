import {
  type Tensor,
  cast,
  isQuantizedWeight,
  norm,
  normal,
  parameter,
  scope,
  uniform,
  zeros,
} from '@tessera-llm/tensor';
import { LayersError } from '../errors';
import { type LoraConfigInput, loraConfig } from './config';
import { type AdapterSpec, keyOf, widths } from './spec';
import { type AdaptedModel, type Target, targetsOf } from './targets';

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
 * @param options `seed` decides A: that of the i-th target comes from stream i.
 * @returns A (R, in) and B (out, R) of every layer in float32; of DoRA also the lengths of its weights, (out).
 * @throws LayersError `adapter_config` for what `loraConfig` refuses, for targets that name no layer, one that is not
 *   linear or the output head, and for `init_lora_weights` false.
 *
 * @example
 * ```ts
 * import {
 *   type Batch, CausalLMModule, Embedding, type Head, Linear, applyAdapter, createAdapter, initializer,
 * } from '@tessera-llm/layers';
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
