import { type GgufTensorToWrite, type GgufTensorType, type GgufValue, writeGguf } from '@tessera-llm/formats';
import type { Weight } from '@tessera-llm/layers';
import { isQuantizedWeight } from '@tessera-llm/tensor';
import type { ChatTemplate } from '@tessera-llm/tokenizers';
import type { Model } from '../architecture';
import { ModelsError } from '../errors';
import { architectureOf } from '../registry';
import { denseBytes } from '../weight-bytes';
import type { GgufBinding } from './binding';
import { ggufNameOf } from './names';
import { permuteRows } from './rows';
import { templateKey } from './chat-template';

/** How weights are stored: `packed` keeps blocks and bfloat16 as the model has them in memory. */
export type GgufDType = 'float32' | 'bfloat16' | 'packed';

/** What a GGUF file is made of. */
export interface GgufSaveContents {
  readonly model: Model;
  readonly dtype: GgufDType;
  readonly chatTemplate: ChatTemplate | null;
  /** Metadata of the file that the model came from: its `general.*` and `tokenizer.*` are kept. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
}

/** `general.file_type` of the type that most of a file's matrices have. */
const fileTypes: Partial<Record<GgufTensorType, number>> = {
  F32: 0,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q4_K: 15,
  Q6_K: 18,
  BF16: 32,
};

/**
 * Writes a model as a GGUF file, whole or not at all.
 *
 * @throws ModelsError `unsupported_architecture`, `invalid_option`; FormatsError `write_failed`
 */
export async function saveGguf(
  path: string,
  { model, dtype, chatTemplate, metadata }: GgufSaveContents,
): Promise<void> {
  const { config } = model;
  const binding = architectureOf(config.model_type).gguf;
  if (binding === null) {
    throw new ModelsError(
      'unsupported_architecture',
      `[save] expected a llama for a GGUF file, got ${config.model_type}`,
    );
  }
  const head = binding.write(config);
  const tensors: [string, GgufTensorToWrite][] = [
    ...head.tensors.map(([name, tensor]): [string, GgufTensorToWrite] => [name, tensor]),
  ];
  const bytesByType = new Map<GgufTensorType, number>();
  for (const [key, weight] of model.namedWeights()) {
    const name = ggufNameOf(binding.names, key);
    if (name === null)
      throw new ModelsError('unsupported_architecture', `[save] expected a name in GGUF files for ${key}`);
    const type = typeOf(key, weight, dtype);
    bytesByType.set(type, (bytesByType.get(type) ?? 0) + weight.shape.reduce((size, n) => size * n, 1));
    tensors.push([
      name,
      { type, shape: weight.shape, bytes: () => storedBytes(key, weight, { type, binding, model }) },
    ]);
  }
  const [most] = [...bytesByType].sort(([, a], [, b]) => b - a)[0] ?? ['F32'];
  const own: [string, GgufValue][] = [
    ['general.architecture', { type: 'string', value: binding.name }],
    ['general.file_type', { type: 'uint32', value: fileTypes[most] ?? 0 }],
  ];
  if (most.startsWith('Q')) own.push(['general.quantization_version', { type: 'uint32', value: 2 }]);
  const entries = new Map(own);
  for (const [key, value] of metadata) if (/^(general|tokenizer)\./.test(key)) entries.set(key, value);
  entries.delete('general.alignment');
  for (const [key, value] of [...own, ...head.metadata, ...idsOf(config)]) entries.set(key, value);
  for (const [name, value] of Object.entries(chatTemplate?.templates ?? {})) {
    entries.set(templateKey(name), { type: 'string', value });
  }
  await writeGguf(path, { metadata: entries, tensors });
}

function idsOf(config: Readonly<Record<string, unknown>>): [string, GgufValue][] {
  const fields = [
    ['bos_token_id', 'bos'],
    ['eos_token_id', 'eos'],
    ['pad_token_id', 'padding'],
  ] as const;
  return fields.flatMap(([field, name]): [string, GgufValue][] => {
    const id: unknown = Array.isArray(config[field]) ? config[field][0] : config[field];
    return typeof id === 'number' && id >= 0
      ? [[`tokenizer.ggml.${name}_token_id`, { type: 'uint32', value: id }]]
      : [];
  });
}

/** Vectors are F32 in every file. */
function typeOf(key: string, weight: Weight, dtype: GgufDType): GgufTensorType {
  if (isQuantizedWeight(weight) && dtype === 'packed') {
    if (weight.format !== 'int8') return weight.format;
    throw new ModelsError(
      'invalid_option',
      `[save] expected blocks of a GGUF type for dtype 'packed', got int8 for ${key}`,
    );
  }
  if (weight.shape.length < 2) return 'F32';
  if (dtype === 'packed') return !isQuantizedWeight(weight) && weight.dtype === 'bfloat16' ? 'BF16' : 'F32';
  return dtype === 'bfloat16' ? 'BF16' : 'F32';
}

async function storedBytes(
  key: string,
  weight: Weight,
  { type, binding, model }: { type: GgufTensorType; binding: GgufBinding; model: Model },
): Promise<Uint8Array> {
  const bytes =
    isQuantizedWeight(weight) && type !== 'F32' && type !== 'BF16'
      ? await weight.bytes()
      : await denseBytes(weight, type === 'BF16' ? 'bfloat16' : 'float32');
  const heads = binding.interleavedHeads(key, model.config);
  return heads === null ? bytes : permuteRows(bytes, { rows: weight.shape[0] ?? 1, heads, to: 'pairs' });
}
