import { type Batch, batchFromSequences, nextTokenTargets } from '@tessera-llm/layers';
import { createModel } from '@tessera-llm/models';
import { AdamW } from '@tessera-llm/optimizers';
import { trainStep } from '@tessera-llm/training';
import type { Area, Case, Peer } from '../area';
import { randomIds } from '../random-ids';

const sizes = [
  [4, 256],
  [1, 1024],
  [8, 512],
] as const;

const computes = ['float32', 'bfloat16'] as const;

/** GPT-2 124M as transformers' defaults, without dropout. */
const config = { model_type: 'gpt2', resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 } as const;
const [layers, width, vocabulary] = [12, 768, 50257];

/** Operations of the products of a step: 6 for each weight and token, and attention's pairs seven times. */
function flopsOf(batch: number, length: number): number {
  const weights = layers * 12 * width * width + vocabulary * width;
  const pairs = (batch * length * (length + 1)) / 2;
  return 6 * weights * batch * length + 14 * layers * width * pairs;
}

/** Training steps of GPT-2 124M from random weights: loss, gradients, clipping, AdamW. */
export const train: Area = {
  name: 'train',
  about: 'training steps of GPT-2 124M: loss, gradients, clipping, AdamW',
  cases: () =>
    computes.flatMap((compute) =>
      sizes.map(([batch, length]): Case => {
        const tokens = batch * length;
        const peer = (name: string, compiled: boolean): Peer => ({
          name: `PyTorch ${name}`,
          program: 'python',
          script: 'train.py',
          args: { batch, length, compiled, autocast: compute === 'bfloat16' },
        });
        return {
          name: `GPT-2 124M ${batch}x${length} ${compute}`,
          dtype: 'float32',
          compute,
          figures: [
            { name: '', unit: 'tokens/s', work: tokens, ceiling: { kind: compute, work: flopsOf(batch, length) } },
          ],
          peers:
            compute === 'float32'
              ? [peer('eager', false), peer('compiled', true)]
              : [peer('autocast', false), peer('autocast, compiled', true)],
          async open() {
            const model = createModel(config, { seed: 1, compute }).train();
            const optimizer = new AdamW(model.namedParameters(), { lr: 1e-4, weightDecay: 0.1 });
            const made: Batch = batchFromSequences(
              Array.from({ length: batch }, (_, b) => randomIds(length, { vocabulary, seed: b })),
            );
            const micro = { ...made, labels: nextTokenTargets(made) };
            return {
              async run() {
                const start = performance.now();
                await trainStep(model, [micro], { optimizer });
                return { '': (performance.now() - start) / 1000 };
              },
            };
          },
        };
      }),
    ),
};
