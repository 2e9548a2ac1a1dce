import type { Tensor } from '@tessera-llm/tensor';
import type { LoraConfig } from './config';
import type { Target } from './targets';

/** An adapter apart from any model: PEFT's two files, read. */
export interface AdapterSpec {
  /** adapter_config.json, its own names. */
  readonly config: LoraConfig;
  /**
   * adapter_model.safetensors: `base_model.model.<layer>.lora_A.weight` (R, in), `….lora_B.weight` (out, R), and of DoRA
   * `….lora_magnitude_vector` (out).
   */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** What an adapter has for a layer. */
export type Factor = 'A' | 'B' | 'magnitude';

/** Key of a tensor in PEFT's file. */
export const keyOf = (path: string, factor: Factor): string =>
  `base_model.model.${path}.${factor === 'magnitude' ? 'lora_magnitude_vector' : `lora_${factor}.weight`}`;

/** Input and output width of a layer. */
export function widths({ layer }: Target): [number, number] {
  const [p = 0, q = 0] = layer.weight.shape;
  return layer.weightIsTransposed ? [p, q] : [q, p];
}
