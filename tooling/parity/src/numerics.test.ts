import { type Batch, batchFromSequences, languageModelLoss } from '@tessera-llm/layers';
import { type Model, type ModelConfigInput, createModel } from '@tessera-llm/models';
import { availableBackends, defaultBackend, scope, setThreads, valueAndGrad } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { onBackend } from './backends';

/** Odd sizes, grouped heads, documents beyond one page of the cache. */
const configs: Readonly<Record<string, ModelConfigInput>> = {
  llama: {
    model_type: 'llama',
    vocab_size: 211,
    hidden_size: 48,
    intermediate_size: 84,
    num_hidden_layers: 2,
    num_attention_heads: 6,
    num_key_value_heads: 2,
    initializer_range: 0.2,
  },
  'llama dynamic': {
    model_type: 'llama',
    vocab_size: 97,
    hidden_size: 32,
    intermediate_size: 40,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    max_position_embeddings: 40,
    rope_parameters: { rope_type: 'dynamic', factor: 3 },
    initializer_range: 0.2,
  },
  gpt2: {
    model_type: 'gpt2',
    vocab_size: 131,
    n_positions: 256,
    n_embd: 36,
    n_layer: 2,
    n_head: 3,
    initializer_range: 0.2,
    // Training mode, without what it is meant to change.
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
  },
};

const longest = 150;

function sequence(seed: number, length: number, vocabSize: number): number[] {
  return Array.from({ length }, (_, i) => (seed * 7919 + i * 104729 + ((i * i) % 31)) % vocabSize);
}

/** The raw bits of the logits of each row of each sequence. */
async function logitBits(model: Model, batch: Batch): Promise<Uint32Array> {
  const logits = scope(() => model.logits(model.hidden(batch)));
  const bytes = await logits.bytes();
  logits.dispose();
  return new Uint32Array(Uint8Array.from(bytes).buffer);
}

/** Declared lengths, so that rotary scalings that depend on length are fixed. */
function whole(sequences: readonly number[][]): Batch {
  return batchFromSequences(sequences, { maxLengths: new Int32Array(sequences.length).fill(longest) });
}

/** The logits of a sequence fed to a cache in chunks of these sizes, the last one repeated. */
async function cachedBits(model: Model, ids: readonly number[], chunks: readonly number[]): Promise<Uint32Array> {
  const store = model.createCache(2 * longest);
  // Another sequence first, so that pages don't lie in order.
  const other = store.allocate(longest);
  await logitBits(model, batchFromSequences([ids.slice(0, 3)], { cache: { store, slots: Int32Array.of(other) } }));
  const slots = Int32Array.of(store.allocate(longest));
  const parts: Uint32Array[] = [];
  for (let at = 0, i = 0; at < ids.length; i++) {
    const size = chunks[Math.min(i, chunks.length - 1)] ?? 1;
    const part = ids.slice(at, at + size);
    parts.push(await logitBits(model, batchFromSequences([part], { cache: { store, slots } })));
    at += size;
  }
  store.dispose();
  return Uint32Array.from(parts.flatMap((part) => Array.from(part)));
}

for (const backend of availableBackends()) {
  for (const [name, config] of Object.entries(configs)) {
    for (const compute of ['float32', 'bfloat16'] as const) {
      describe(`${backend}, ${name}, ${compute}`, () => {
        const run = (test: (model: Model, ids: number[]) => Promise<void>) => () =>
          onBackend(backend, async () => {
            const model = createModel(config, { seed: 3, compute });
            try {
              await test(model, sequence(1, longest, model.vocabSize));
            } finally {
              model.dispose();
            }
          });

        it(
          'a row alone and in a batch have the same bits',
          run(async (model, ids) => {
            const alone = await logitBits(model, whole([ids]));
            const others = [5, 64, 1].map((length, i) => sequence(i + 2, length, model.vocabSize));
            const [a = [], b = [], c = []] = others;
            const together = await logitBits(model, whole([a, b, ids, c]));
            const start = (a.length + b.length) * model.vocabSize;
            expect(together.subarray(start, start + alone.length)).toEqual(alone);
          }),
        );

        it(
          'a prompt whole, in chunks and token by token has the same bits',
          run(async (model, ids) => {
            const want = await logitBits(model, whole([ids]));
            expect(await cachedBits(model, ids, [ids.length])).toEqual(want);
            expect(await cachedBits(model, ids, [17, 64, 5])).toEqual(want);
            expect(await cachedBits(model, ids, [70, 1])).toEqual(want);
            expect(await cachedBits(model, ids, [1])).toEqual(want);
          }),
        );

        it(
          'training and inference have the same bits',
          run(async (model, ids) => {
            const batch = whole([ids, ids.slice(0, 9)]);
            const inference = await logitBits(model, batch);
            model.train();
            const { value, aux, grads } = valueAndGrad(
              () => [languageModelLoss(model, batch), model.logits(model.hidden(batch))] as const,
              model.parameters(),
            );
            const training = new Uint32Array(Uint8Array.from(await aux.bytes()).buffer);
            for (const x of [value, aux, ...grads]) x.dispose();
            expect(training).toEqual(inference);
          }),
        );

        it(
          'one thread and all threads have the same bits, gradients included',
          run(async (model, ids) => {
            const batch = whole([ids, ids.slice(0, 33)]);
            const threads = defaultBackend().threads();
            const measure = async (count: number): Promise<Uint32Array[]> => {
              setThreads(count);
              const { value, grads } = valueAndGrad(() => languageModelLoss(model, batch), model.parameters());
              const bits = [await logitBits(model, batch)];
              for (const x of [value, ...grads]) {
                bits.push(new Uint32Array(Uint8Array.from(await x.bytes()).buffer));
                x.dispose();
              }
              return bits;
            };
            try {
              const one = await measure(1);
              for (const count of [2, 3]) expect(await measure(count)).toEqual(one);
            } finally {
              setThreads(threads);
            }
          }),
        );

        it(
          'log-probabilities are the same bits in the loss and in decoding',
          run(async (model, ids) => {
            const targets = Int32Array.from(ids, (_, n) => ids[n + 1] ?? 0);
            const all = scope(() => model.logProbs(model.hidden(whole([ids])), targets));
            const want = await all.data();
            all.dispose();
            const store = model.createCache(longest);
            const slots = Int32Array.of(store.allocate(longest));
            for (const n of [0, 1, 2, 3]) {
              const batch = batchFromSequences([[ids[n] ?? 0]], { cache: { store, slots } });
              const one = scope(() => model.logProbs(model.hidden(batch), targets.subarray(n, n + 1)));
              expect((await one.data())[0]).toBe(want[n]);
              one.dispose();
            }
            store.dispose();
          }),
        );
      });
    }
  }
}
