import { type Batch, applyAdapter, batchFromSequences, createAdapter, nextTokenTargets } from '@tessera-llm/layers';
import { open } from '@tessera-llm/models';
import { AdamW } from '@tessera-llm/optimizers';
import { trainStep } from '@tessera-llm/training';
import type { Area, Case } from '../area';
import { llamaConfig, llamaFolder, loraStepFlops, prepareLlamaFolder } from '../llama';
import { randomIds } from '../random-ids';

const [batch, length, rank] = [2, 512, 16];
const computes = ['float32', 'bfloat16'] as const;

/** Steps that train adapters only. */
export const lora: Area = {
  name: 'lora',
  about: 'training steps of LoRA adapters (r=16, every linear map) of the 135M Llama, 2x512',
  cases: (context) =>
    computes.map(
      (compute): Case => ({
        name: `Llama 135M r=${rank} ${batch}x${length} ${compute}`,
        // The frozen weights; the adapter's are float32.
        dtype: compute,
        compute,
        figures: [
          {
            name: '',
            unit: 'tokens/s',
            work: batch * length,
            ceiling: { kind: compute, work: loraStepFlops(batch, length) },
          },
        ],
        peers: [
          {
            name: 'PEFT',
            program: 'python',
            script: 'lora.py',
            args: { folder: llamaFolder(context), dtype: compute, batch, length },
          },
        ],
        prepare: async () => void (await prepareLlamaFolder(context)),
        async open() {
          const { model } = await open(llamaFolder(context), { compute, weights: compute });
          const config = { target_modules: 'all-linear', r: rank, lora_alpha: 2 * rank };
          const adapter = applyAdapter(model.train(), createAdapter(model, config, { seed: 1 }));
          const optimizer = new AdamW(adapter.tensors, { lr: 1e-4, weightDecay: 0.01 });
          const made: Batch = batchFromSequences(
            Array.from({ length: batch }, (_, b) => randomIds(length, { vocabulary: llamaConfig.vocab_size, seed: b })),
          );
          const micro = { ...made, labels: nextTokenTargets(made) };
          return {
            async run() {
              const start = performance.now();
              await trainStep(model, [micro], { optimizer, parameters: adapter.tensors });
              return { '': (performance.now() - start) / 1000 };
            },
          };
        },
      }),
    ),
};
