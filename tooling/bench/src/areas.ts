import type { Area } from './area';
import { attention } from './areas/attention';
import { batch, decode, long, prefill } from './areas/generate';
import { lora } from './areas/lora';
import { matmul } from './areas/matmul';
import { tokenizerKinds } from './areas/tokenizer-kinds';
import { tokenizerTraining } from './areas/tokenizer-training';
import { tokenizers } from './areas/tokenizers';
import { train } from './areas/train';

/** Every area, in the order in which a whole run measures them. */
export const areas: readonly Area[] = [
  matmul,
  attention,
  train,
  lora,
  prefill,
  decode,
  batch,
  long,
  tokenizers,
  tokenizerKinds,
  tokenizerTraining,
];
