import { type Area, type Case, Unavailable } from '../area';
import { llamaFolder } from '../llama';

const [batch, length] = [2, 512];
const computes = ['float32', 'bfloat16'] as const;

/** `layers` has no adapters that training could change. */
async function unavailable(): Promise<never> {
  throw new Unavailable('adapters are not available');
}

/** Steps that train adapters only. */
export const lora: Area = {
  name: 'lora',
  about: 'training steps of LoRA adapters (r=16, every linear map) of the 135M Llama, 2x512',
  cases: (context) =>
    computes.map(
      (compute): Case => ({
        name: `Llama 135M r=16 ${batch}x${length} ${compute}`,
        dtype: compute,
        compute,
        figures: [{ name: '', unit: 'tokens/s', work: batch * length }],
        peers: [
          {
            name: 'PEFT',
            program: 'python',
            script: 'lora.py',
            args: { folder: llamaFolder(context), dtype: compute, batch, length },
          },
        ],
        prepare: unavailable,
        open: unavailable,
      }),
    ),
};
