import { type JsonObject, type RawTensor, type TensorToWrite, readAdapter, writeAdapter } from '@tessera-llm/formats';
import { type AdapterSpec, loraConfig } from '@tessera-llm/layers';
import { type FloatDType, type Tensor, cast, fromBytes, parameter } from '@tessera-llm/tensor';
import { toJson } from './config';
import { ModelsError } from './errors';
import { denseBytes } from './weight-bytes';

/**
 * Reads an adapter folder that PEFT or `saveAdapter` wrote (adapter_config.json, adapter_model.safetensors in float32,
 * bfloat16 or float16). `applyAdapter` of `@tessera-llm/layers` gives it to a model.
 *
 * @returns Parameters in float32, and the configuration with PEFT's defaults filled in.
 * @throws FormatsError `missing_file`, `read_failed`, `invalid_json`, `invalid_file`; LayersError `adapter_config` for
 *   what is not applied here; ModelsError `unsupported_dtype`.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { createAdapter } from '@tessera-llm/layers';
 * import { createModel, loadAdapter, saveAdapter } from '@tessera-llm/models';
 * const model = createModel({ model_type: 'gpt2', vocab_size: 50, n_embd: 8, n_layer: 1, n_head: 2 }, { seed: 1 });
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'adapter');
 * await saveAdapter(folder, createAdapter(model, { target_modules: ['c_attn'], r: 4 }, { seed: 2 }));
 * const { config, tensors } = await loadAdapter(folder);
 * console.log(config.lora_alpha, [...tensors.values()].map(({ shape }) => shape)); // 8 [[4, 8], [24, 4]]
 * ```
 */
export async function loadAdapter(folder: string): Promise<AdapterSpec> {
  const { config, tensors } = await readAdapter(folder);
  const checked = loraConfig(config);
  const loaded = new Map<string, Tensor>();
  try {
    for (const [name, raw] of tensors) loaded.set(name, float32(raw, name));
  } catch (error) {
    for (const tensor of loaded.values()) tensor.dispose();
    throw error;
  }
  return { config: checked, tensors: loaded };
}

/** Settings of `saveAdapter`. */
export interface SaveAdapterOptions {
  /** What the tensors are stored as: float32 (default) keeps every bit, bfloat16 rounds and takes half the space. */
  readonly dtype?: 'float32' | 'bfloat16';
}

/**
 * Saves an adapter as PEFT does: `PeftModel.from_pretrained(base, folder)` loads it. The folder appears whole or not at
 * all; other files in it stay.
 *
 * @param adapter What `applyAdapter` gave, or a spec.
 * @throws FormatsError `write_failed`
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { applyAdapter, createAdapter } from '@tessera-llm/layers';
 * import { createModel, loadAdapter, saveAdapter } from '@tessera-llm/models';
 * const model = createModel(
 *   {
 *     model_type: 'llama', vocab_size: 50, hidden_size: 8, intermediate_size: 16,
 *     num_hidden_layers: 1, num_attention_heads: 2,
 *   },
 *   { seed: 1 },
 * );
 * const folder = `${await mkdtemp(`${tmpdir()}/tessera-`)}/adapter`;
 * await saveAdapter(folder, createAdapter(model, { target_modules: ['q_proj', 'v_proj'], r: 4 }, { seed: 2 }));
 * const adapter = applyAdapter(model, await loadAdapter(folder));
 * console.log(adapter.config.r, adapter.tensors.size); // 4 4
 * ```
 */
export async function saveAdapter(
  folder: string,
  adapter: AdapterSpec,
  { dtype = 'float32' }: SaveAdapterOptions = {},
): Promise<void> {
  const tensors = [...adapter.tensors].map(([name, tensor]): [string, TensorToWrite] => [
    name,
    { dtype: dtype === 'float32' ? 'F32' : 'BF16', shape: tensor.shape, bytes: () => denseBytes(tensor, dtype) },
  ]);
  const config: JsonObject & { peft_type: string } = { ...toJson(adapter.config), peft_type: adapter.config.peft_type };
  await writeAdapter(folder, { config, tensors });
}

const dtypes: Readonly<Record<string, FloatDType>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };

function float32({ dtype, shape, bytes }: RawTensor, name: string): Tensor {
  const known = dtypes[dtype];
  if (known === undefined) {
    throw new ModelsError(
      'unsupported_dtype',
      `[loadAdapter] expected tensors in ${Object.keys(dtypes).join(', ')}, got ${dtype} for ${name}`,
    );
  }
  const held = fromBytes(bytes, shape, known);
  if (known === 'float32') return parameter(held);
  try {
    return parameter(cast(held, 'float32'));
  } finally {
    held.dispose();
  }
}
