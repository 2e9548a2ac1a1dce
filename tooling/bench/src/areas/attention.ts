import { attention as attend, normal, scope, selfLayout, vjp } from '@tessera-llm/tensor';
import type { Area, Case } from '../area';
import { timed } from '../timed';

/** Sequences, their length, query heads, key heads and head width. */
const shapes = [
  { model: 'GPT-2', batch: 4, length: 256, heads: 12, kvHeads: 12, dim: 64 },
  { model: 'GPT-2', batch: 1, length: 1024, heads: 12, kvHeads: 12, dim: 64 },
  { model: 'Llama', batch: 1, length: 512, heads: 9, kvHeads: 3, dim: 64 },
  { model: 'Llama', batch: 1, length: 4096, heads: 9, kvHeads: 3, dim: 64 },
] as const;

const dtypes = ['float32', 'bfloat16'] as const;
const passes = ['forward', 'forward+backward'] as const;

/** Causal attention; operations count visible pairs only. */
export const attention: Area = {
  name: 'attention',
  about: 'causal attention, forward and with gradients',
  cases: () =>
    dtypes.flatMap((dtype) =>
      shapes.flatMap((shape) =>
        passes.map((pass): Case => {
          const { model, batch, length, heads, kvHeads, dim } = shape;
          const pairs = (batch * heads * length * (length + 1)) / 2;
          // Two products forward; backward makes the scores again and has four more.
          const flops = 2 * dim * pairs * (pass === 'forward' ? 2 : 7);
          const rows = batch * length;
          return {
            name: `${model} ${batch}x${length} ${heads}/${kvHeads} ${dtype} ${pass}`,
            dtype,
            compute: dtype,
            figures: [{ name: '', unit: 'GFLOP/s', work: flops / 1e9, ceiling: { kind: dtype, work: flops } }],
            peers: [
              {
                name: 'PyTorch SDPA',
                program: 'python',
                script: 'attention.py',
                args: { ...shape, dtype, backward: pass !== 'forward' },
              },
            ],
            async open() {
              // Our inputs are float32 and rounded by the kernel, as in training.
              const q = normal([rows, heads, dim], { seed: 1 });
              const k = normal([rows, kvHeads, dim], { seed: 2 });
              const v = normal([rows, kvHeads, dim], { seed: 3 });
              const gy = normal([rows, heads, dim], { seed: 4 });
              const layout = selfLayout(Int32Array.from({ length: batch + 1 }, (_, b) => b * length));
              const forward = () => attend(q, k, v, { layout, compute: dtype });
              const once = (): void =>
                scope(() => {
                  if (pass === 'forward') forward();
                  else vjp(() => [forward()], [q, k, v], [gy]);
                });
              return { run: () => ({ '': timed(once) }) };
            },
          };
        }),
      ),
    ),
};
