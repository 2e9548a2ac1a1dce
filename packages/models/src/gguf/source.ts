import type { GgufReader, GgufTensorType } from '@tessera-llm/formats';
import type { FloatDType } from '@tessera-llm/tensor';
import type { ModelConfig } from '../architecture';
import { ModelsError } from '../errors';
import type { WeightInfo, WeightSource } from '../weight-source';
import type { GgufBinding } from './binding';
import { pathOf } from './names';
import { permuteRows } from './rows';

const dtypes: Partial<Record<GgufTensorType, FloatDType>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };
const integers: readonly GgufTensorType[] = ['I8', 'I16', 'I32', 'I64'];

/** The tensors of a GGUF file as weights, rows in the order of Hugging Face checkpoints. Closing it closes the file. */
export function ggufWeights(file: GgufReader, binding: GgufBinding, config: ModelConfig): WeightSource {
  const weights = new Map<string, WeightInfo>();
  for (const [name, { type, shape, byteLength }] of file.tensors) {
    if (binding.constants.includes(name)) continue;
    const path = pathOf(binding.names, name);
    if (path === null) {
      throw new ModelsError(
        'invalid_checkpoint',
        `[open] expected tensors of the ${binding.name} architecture, got ${name} (${file.name})`,
      );
    }
    if (integers.includes(type)) {
      throw new ModelsError(
        'unsupported_dtype',
        `[open] expected floats or blocks, got ${type} for ${name} (${file.name})`,
      );
    }
    weights.set(path, { name, shape, byteLength });
  }
  return {
    where: file.name,
    weights,
    async read(path) {
      const info = weights.get(path);
      const { type, shape, bytes: stored } = await file.read(info?.name ?? path);
      const heads = binding.interleavedHeads(path, config);
      const rows = shape[0] ?? 1;
      const bytes = heads === null ? stored : permuteRows(stored, { rows, heads, to: 'halves' });
      const dtype = dtypes[type];
      return dtype === undefined ? { blocks: type, bytes } : { dtype, bytes };
    },
    close: () => file.close(),
  };
}
