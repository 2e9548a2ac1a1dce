// 1,000 training steps; prints tensors, live bytes and resident memory every ten steps from the 200th on.
// A process of its own, as a test runner's memory would drown what is measured; and the given number of steps before
// them, collected as often, until everything that runs has run.
import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
import { createModel } from '@tessera-llm/models';
import { AdamW } from '@tessera-llm/optimizers';
import { memory } from '@tessera-llm/tensor';
import { train } from '@tessera-llm/training';

const source = tokensFromArrays(
  Array.from({ length: 12 }, (_, d) => Array.from({ length: 100 }, (_, i) => (i * (d + 3) + d * d) % 512)),
  { vocabSize: 512 },
);
const model = createModel(
  {
    model_type: 'llama',
    vocab_size: 512,
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
  },
  { seed: 3 },
);
const warmUp = Number(process.argv[2]);
const samples = { tensors: [], liveBytes: [], rss: [] };
await train({
  model,
  optimizer: new AdamW(model.namedParameters(), { lr: 5e-3 }),
  loader: new TokenLoader(source, { batchSize: 2, seqLen: 32, seed: 5 }),
  steps: warmUp + 1000,
  onStep({ step }) {
    if (step % 10 !== 0) return;
    // What waits for the collector is no leak, and would make the line depend on when it last ran.
    globalThis.gc();
    if (step < warmUp + 200) return;
    const { tensors, liveBytes } = memory();
    samples.tensors.push(tensors);
    samples.liveBytes.push(liveBytes);
    samples.rss.push(process.memoryUsage.rss());
  },
});
process.stdout.write(JSON.stringify(samples));
