import { batchFromSequences } from '@tessera-llm/layers';
import type { Model, Opened } from '@tessera-llm/models';
import { generateBatch } from '@tessera-llm/generation';
import { type Tensor, indexSelect, keep, scope, tensor } from '@tessera-llm/tensor';
import { type HostTensor, closeTo, dumpJson, dumpTensors, loadJson, loadSafetensors } from '@tessera-llm/testing';
import { join } from 'node:path';
import { z } from 'zod';
import { read } from './model-case';

const message = z.object({ role: z.string(), content: z.string() });
const schema = z.object({
  model: z.string(),
  eos_token_id: z.int(),
  tolerance: z.object({ logits_atol: z.number(), token_logprobs_atol: z.number(), greedy_gap: z.number() }),
  chats: z.record(
    z.string(),
    z.looseObject({ messages: z.array(message), text: z.string(), smallest_gap: z.number() }),
  ),
  passages: z.record(z.string(), z.looseObject({ text: z.string(), mean_nll: z.number(), perplexity: z.number() })),
});

const exactly = { rtol: 0, atol: 0 };
const top = 20;

/** What fixtures/real expects of one model, and the comparisons with it. */
export class RealModel {
  readonly expected: z.output<typeof schema>;
  readonly #tensors: Readonly<Record<string, HostTensor>>;

  constructor(readonly folder: string) {
    this.expected = schema.parse(loadJson(join(folder, 'expected.json')));
    this.#tensors = loadSafetensors(join(folder, 'expected.safetensors'));
  }

  /** Where the model lies: in `models` beside the fixtures. */
  get path(): string {
    return join(this.folder, '..', '..', 'models', this.expected.model);
  }

  #want(name: string, key: string): HostTensor {
    const found = this.#tensors[`${name}.${key}`];
    if (found === undefined) throw new Error(`expected.safetensors has no ${name}.${key}`);
    return found;
  }

  #ids(name: string, key: string): number[] {
    return Array.from(this.#want(name, key).data);
  }

  /** A chat's prompt and answer, or a passage. */
  #text(name: string): { prompt: number[]; answer: number[] } {
    const chat = Object.hasOwn(this.expected.chats, name);
    return { prompt: this.#ids(name, 'input_ids'), answer: chat ? this.#ids(name, 'greedy_ids') : [] };
  }

  #dump(backend: string, name: string, key: string, data: Float32Array | Int32Array): void {
    const { shape, dtype } = this.#want(name, key);
    const values = dtype === 'int32' ? Int32Array.from(data) : Float32Array.from(data);
    dumpTensors(backend, 'real/expected.safetensors', {
      [`${name}.${key}`]: { shape: key === 'greedy_ids' ? [data.length] : shape, dtype, data: values },
    });
  }

  /** The tokenizer of the file: prompt ids of every chat; passages end within a word, so these are decoded. */
  checkPrompts({ tokenizer, chatTemplate }: Opened): void {
    if (tokenizer === null) throw new Error('the model has no tokenizer');
    for (const [name, { messages, text }] of Object.entries(this.expected.chats)) {
      const rendered = chatTemplate?.render(messages, { addGenerationPrompt: true }).text;
      if (rendered !== text)
        throw new Error(`${name}: expected ${JSON.stringify(text)}, got ${JSON.stringify(rendered)}`);
      closeTo(`${name}.input_ids`, Array.from(tokenizer.encodeIds(text)), this.#ids(name, 'input_ids'), exactly);
    }
    for (const [name, { text }] of Object.entries(this.expected.passages)) {
      const decoded = tokenizer.decode(this.#ids(name, 'input_ids'));
      if (decoded !== text) throw new Error(`${name}: expected the passage's text when its tokens are decoded`);
    }
  }

  /** Log-probability of every token of a chat or a passage after the first. */
  async logProbs(model: Model, name: string): Promise<{ got: Float32Array; hidden: Tensor }> {
    const { prompt, answer } = this.#text(name);
    const ids = [...prompt, ...answer];
    const hidden = keep(scope(() => model.hidden(batchFromSequences([ids.slice(0, -1)]))));
    const got = await read(scope(() => model.logProbs(hidden, Int32Array.from(ids.slice(1)))));
    return { got, hidden };
  }

  /** Differences from the reference's log-probabilities. */
  differences(name: string, got: Float32Array): number[] {
    const { data } = this.#want(name, 'token_logprobs');
    return Array.from(got, (p, i) => Math.abs(p - (data[i] ?? Number.NaN)));
  }

  /** Log-probabilities, perplexity, the best twenty tokens after the prompt, and the greedy choice at every clear step. */
  async checkText(model: Model, name: string, backend: string): Promise<void> {
    const { tolerance, passages } = this.expected;
    const { got, hidden } = await this.logProbs(model, name);
    try {
      this.#dump(backend, name, 'token_logprobs', got);
      const want = this.#want(name, 'token_logprobs').data;
      closeTo(`${name}.token_logprobs`, got, want, { rtol: 0, atol: tolerance.token_logprobs_atol });
      const passage = passages[name];
      if (passage === undefined) return await this.#checkChoices(model, name, { backend, hidden });
      const meanNll = -got.reduce((sum, p) => sum + p, 0) / got.length;
      closeTo(`${name}.mean_nll`, [meanNll], [passage.mean_nll], { rtol: 0, atol: tolerance.token_logprobs_atol });
      // exp turns the absolute tolerance into a relative one.
      const rtol = Math.expm1(tolerance.token_logprobs_atol);
      closeTo(`${name}.perplexity`, [Math.exp(meanNll)], [passage.perplexity], { rtol, atol: 0 });
    } finally {
      hidden.dispose();
    }
  }

  async #checkChoices(
    model: Model,
    name: string,
    { backend, hidden }: { backend: string; hidden: Tensor },
  ): Promise<void> {
    const { logits_atol: atol, greedy_gap: clear } = this.expected.tolerance;
    const { prompt, answer } = this.#text(name);
    const rows = Int32Array.from(answer, (_, i) => prompt.length - 1 + i);
    const logits = await read(
      scope(() => model.logits(indexSelect(hidden, tensor(rows, { backend: hidden.backend }), { dim: 0 }))),
    );
    const row = (i: number) => logits.subarray(i * model.vocabSize, (i + 1) * model.vocabSize);
    const best = bestOf(row(0), top);
    const wantIds = this.#ids(name, 'next_top20_ids');
    const wantLogits = this.#want(name, 'next_top20_logits').data;
    const got = (ids: readonly number[]) => Float32Array.from(ids, (id) => row(0)[id] ?? Number.NaN);
    this.#dump(backend, name, 'next_top20_ids', Int32Array.from(best));
    this.#dump(backend, name, 'next_top20_logits', got(best));
    // Neighbours that are closer than the tolerance may change places, so the logits of the ids are compared both ways.
    closeTo(`${name}: logits of next_top20_ids`, got(wantIds), wantLogits, { rtol: 0, atol });
    closeTo(`${name}.next_top20_logits`, got(best), wantLogits, { rtol: 0, atol });
    answer.forEach((id, i) => {
      const [first = -1, second = -1] = bestOf(row(i), 2);
      const gap = (row(i)[first] ?? 0) - (row(i)[second] ?? 0);
      if (gap > clear) closeTo(`${name}: greedy choice ${i}`, [first], [id], exactly);
    });
  }

  /** Greedy answers of all chats, generated together with a cache, as far as every step is clear. */
  async checkAnswers({ model, endIds }: Opened, backend: string): Promise<void> {
    const { chats, eos_token_id: end, tolerance } = this.expected;
    if (!endIds.includes(end)) throw new Error(`expected ${end} among the end ids, got ${endIds.join(', ')}`);
    const names = Object.keys(chats);
    const texts = names.map((name) => this.#text(name));
    const results = await generateBatch(
      model,
      texts.map(({ prompt, answer }) => ({
        promptIds: prompt,
        maxTokens: answer.length,
        temperature: 0,
        endIds,
        logprobs: 2,
      })),
    );
    results.forEach(({ ids, topLogprobs }, i) => {
      const name = names[i] ?? '';
      this.#dump(backend, name, 'greedy_ids', Int32Array.from(ids));
      const unclear = topLogprobs.findIndex(
        ([first, second]) => (first?.logprob ?? 0) - (second?.logprob ?? 0) <= tolerance.greedy_gap,
      );
      const length = unclear < 0 ? undefined : unclear;
      closeTo(`${name}.greedy_ids`, ids.slice(0, length), (texts[i]?.answer ?? []).slice(0, length), exactly);
    });
  }

  dumpDifferences(backend: string, modes: Readonly<Record<string, unknown>>): void {
    dumpJson(backend, 'real/modes.json', modes);
  }
}

/** Ids of the largest logits, in order. */
function bestOf(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? 0;
    if (best.length === count && logit <= (logits[best[count - 1] ?? 0] ?? 0)) continue;
    const place = best.findIndex((other) => (logits[other] ?? 0) < logit);
    best.splice(place < 0 ? best.length : place, 0, id);
    best.length = Math.min(best.length, count);
  }
  return best;
}
