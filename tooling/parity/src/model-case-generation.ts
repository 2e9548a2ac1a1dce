import { generate, generateBatch } from '@tessera-llm/generation';
import { batchFromSequences } from '@tessera-llm/layers';
import { scope } from '@tessera-llm/tensor';
import { closeTo } from '@tessera-llm/testing';
import { type ModelCase, read } from './model-case';

/** Greedy decoding with a cache: the tokens, and the logits that chose each of them. */
export async function checkGeneration(test: ModelCase): Promise<void> {
  const { generation } = test.expected;
  if (generation === undefined) return;
  const { prompt, new_tokens: want } = generation;
  const { ids } = await generate(test.model, prompt, { maxTokens: want.length, temperature: 0 });
  closeTo('generated tokens', ids, want, { rtol: 0, atol: 0 });
  test.record('generation', { prompt, new_tokens: ids });
  if (test.has('gen_ids')) test.dump('gen_ids', Int32Array.from(ids));
  if (test.has('gen_logits')) test.check('gen_logits', await stepLogits(test, prompt, want), test.logitsTolerance);
}

/** Logits of every decoding step, fed with the expected tokens one at a time. */
async function stepLogits(
  test: ModelCase,
  prompt: readonly number[],
  tokens: readonly number[],
): Promise<Float32Array> {
  const { model } = test;
  const length = prompt.length + tokens.length;
  const store = model.createCache(length);
  const slots = Int32Array.of(store.allocate(length));
  const got = new Float32Array(tokens.length * model.vocabSize);
  for (const [step, token] of tokens.entries()) {
    const ids = step === 0 ? prompt : [tokens[step - 1] ?? token];
    const batch = batchFromSequences([ids], { cache: { store, slots } });
    const logits = await read(scope(() => model.logits(model.hidden(batch))));
    got.set(logits.subarray((ids.length - 1) * model.vocabSize), step * model.vocabSize);
  }
  store.dispose();
  return got;
}

/** Two prompts of different lengths, which the reference pads on the left. */
export async function checkBatchedGeneration(test: ModelCase): Promise<void> {
  const expected = test.expected.generation_batch_left_padded;
  if (expected === undefined) return;
  const requests = expected.input_ids.map((row, b) => ({
    promptIds: row.filter((_, t) => expected.attention_mask[b]?.[t] === 1),
    maxTokens: expected.new_tokens[b]?.length ?? 0,
    temperature: 0,
  }));
  const results = await generateBatch(test.model, requests);
  results.forEach(({ ids }, b) => {
    closeTo(`tokens of prompt ${b}`, ids, expected.new_tokens[b] ?? [], { rtol: 0, atol: 0 });
  });
  test.record('generation_batch_left_padded', { ...expected, new_tokens: results.map(({ ids }) => ids) });
}
