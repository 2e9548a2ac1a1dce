import {
  type Batch,
  CausalLMModule,
  Embedding,
  type Head,
  Linear,
  MultiHeadAttention,
  batchFromSequences,
  beginPass,
  endPass,
  initializer,
} from '@tessera-llm/layers';
import { type Tensor, add, memory, scope, tensor } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { type GenerateOptions, type TokenEvent, generate, generateBatch, generateStream } from './index';

/** One attention layer between embedding and head: what a token's successor is depends on the whole text. */
class Toy extends CausalLMModule {
  readonly embed: Embedding;
  readonly attention: MultiHeadAttention;
  readonly out: Linear;

  constructor(positionLimit = 500) {
    super({ vocabSize: 40, positionLimit, layers: 1, numKeyValueHeads: 2, headDim: 4, compute: 'float32' });
    const init = initializer({ seed: 4, std: 0.7 });
    this.embed = new Embedding(40, 8, { init });
    this.attention = new MultiHeadAttention({ init, layer: 0, width: 8, numHeads: 2 });
    this.out = new Linear(8, 40, { init, bias: false });
  }

  get head(): Head {
    return { weight: this.out.weight };
  }

  hidden(batch: Batch): Tensor {
    return scope(() => {
      const x = this.embed.forward(batch.ids);
      const pass = beginPass(batch, { backend: x.backend });
      const y = add(x, this.attention.forward(x, pass));
      endPass(pass);
      return y;
    });
  }
}

/** Its logit of one token is another. */
class Damaged extends Toy {
  readonly #damage: Float32Array;

  constructor(id: number, value: number) {
    super();
    this.#damage = new Float32Array(40);
    this.#damage[id] = value;
  }

  override logits(rows: Tensor): Tensor {
    return scope(() => add(super.logits(rows), tensor(this.#damage)));
  }
}

/** Id n is the letter with that number, as text. */
const letters = (): NonNullable<GenerateOptions['decoder']> => () => ({
  push: (id) => String.fromCharCode(97 + (id % 26)),
  flush: () => '',
});

const prompt = [3, 1, 4, 1, 5];

describe('generate', () => {
  it('greedy decoding with a cache takes what the whole text would have said', async () => {
    const model = new Toy();
    const { ids, stopReason } = await generate(model, prompt, { maxTokens: 80, temperature: 0 });
    const text = [...prompt];
    for (const id of ids) {
      const logits = scope(() => model.logits(model.hidden(batchFromSequences([text]))))
        .dataSync()
        .slice(-40);
      expect(logits[id]).toBe(Math.max(...logits));
      text.push(id);
    }
    expect([ids.length, stopReason]).toEqual([80, 'length']);
  });

  it('gives every sequence of a batch what it would get alone', async () => {
    const model = new Toy();
    const requests = [
      { promptIds: prompt, seed: 1, maxTokens: 20, logprobs: true },
      { promptIds: [7], seed: 2, maxTokens: 70, topK: 9 },
      { promptIds: Array.from({ length: 90 }, (_, i) => i % 40), temperature: 0, maxTokens: 5 },
      { promptIds: prompt, seed: 1, choice: 1, maxTokens: 20 },
    ];
    const together = await generateBatch(model, requests, { prefillChunk: 16 });
    for (const [i, { promptIds, ...options }] of requests.entries()) {
      expect(together[i]).toEqual(await generate(model, promptIds, options));
    }
    expect(together[3]?.ids).not.toEqual(together[0]?.ids);
  });

  it('streams the tokens of the result, and its text', async () => {
    const model = new Toy();
    const options = { maxTokens: 12, seed: 3, decoder: letters() };
    const seen: TokenEvent[] = [];
    const result = await generate(model, prompt, { ...options, onToken: (event) => seen.push(event) });
    const stream = generateStream(model, prompt, options);
    const streamed: TokenEvent[] = [];
    for await (const event of stream) streamed.push(event);
    expect(streamed).toEqual(seen);
    expect(seen.map(({ id }) => id)).toEqual(result.ids);
    expect(seen.map(({ text }) => text).join('')).toBe(result.text);
    expect(result.text).toBe(result.ids.map((id) => String.fromCharCode(97 + (id % 26))).join(''));
    expect(seen.map(({ stopReason }) => stopReason)).toEqual([...new Array(11).fill(null), 'length']);
  });

  it('stops at end ids, stop ids and stop strings, which are not in the text', async () => {
    const model = new Toy();
    const base = { maxTokens: 40, temperature: 0, decoder: letters() };
    const { ids, text } = await generate(model, prompt, base);
    const first = (id: number) => ids.indexOf(id);
    const id = ids[3] ?? 0;
    const end = await generate(model, prompt, { ...base, endIds: [id] });
    expect(end).toMatchObject({ stopReason: 'end', ids: ids.slice(0, first(id) + 1), text: text.slice(0, first(id)) });
    const stop = await generate(model, prompt, { ...base, stop: [id] });
    expect(stop).toMatchObject({ stopReason: 'stop', text: text.slice(0, first(id)) });
    const word = text.slice(4, 7);
    const string = await generate(model, prompt, { ...base, stop: [word] });
    expect(string).toMatchObject({ stopReason: 'stop', text: text.slice(0, text.indexOf(word)) });
    expect(string.ids).toEqual(ids.slice(0, text.indexOf(word) + 3));
  });

  it('gives the log-probabilities of training, bit for bit, and the best alternatives', async () => {
    const model = new Toy();
    const { ids, logprobs, topLogprobs } = await generate(model, prompt, {
      maxTokens: 6,
      seed: 8,
      logprobs: 3,
      temperature: 2,
    });
    const text = [...prompt, ...ids];
    const targets = Int32Array.from(text.slice(1));
    const all = scope(() => model.logProbs(model.hidden(batchFromSequences([text.slice(0, -1)])), targets)).dataSync();
    expect(logprobs).toEqual(Array.from(all.slice(prompt.length - 1)));
    for (const top of topLogprobs) {
      expect(top).toHaveLength(3);
      expect(top.map(({ logprob }) => logprob)).toEqual(top.map(({ logprob }) => logprob).sort((a, b) => b - a));
    }
    const [best] = topLogprobs[0] ?? [];
    const one = scope(() =>
      model.logProbs(
        model.hidden(batchFromSequences([prompt])),
        Int32Array.from(prompt, () => best?.id ?? 0),
      ),
    );
    expect(one.dataSync().at(-1)).toBeCloseTo(best?.logprob ?? 0, 5);
  });

  it.each<[object | null, string]>([
    [{ maxToken: 2 }, 'got maxToken'],
    [{ topk: 2 }, 'got topk'],
    [{ maxLength: 1.5 }, 'got 1.5'],
    [{ topP: '0.5' }, "got '0.5'"],
    [{ minP: null }, 'got null'],
    [{ onToken: 'x' }, "onToken to be a function, got 'x'"],
    [null, 'options as an object, got null'],
  ])('refuses options that there are not: %j', async (options, message) => {
    const refused = { name: 'GenerationError', code: 'value', message: expect.stringContaining(message) };
    const model = new Toy();
    await expect(generate(model, prompt, options as never)).rejects.toMatchObject(refused);
    await expect(generateStream(model, prompt, options as never).next()).rejects.toMatchObject(
      options !== null && 'onToken' in options ? { code: 'value' } : refused,
    );
  });

  it('wants the options of a prompt with that prompt, and misses none', async () => {
    const refused = { name: 'GenerationError', code: 'value' };
    const misplaced = { maxTokens: 2 } as never;
    await expect(generateBatch(new Toy(), [{ promptIds: prompt }], misplaced)).rejects.toMatchObject(refused);
    await expect(generateBatch(new Toy(), [null as never])).rejects.toMatchObject(refused);
    const absent = { maxTokens: 2, topN: undefined } as never;
    expect((await generate(new Toy(), prompt, absent)).ids).toHaveLength(2);
  });

  it('never draws beyond vocabLimit, and ends where positions end', async () => {
    const model = new Toy(12);
    const greedy = await generate(model, prompt, { vocabLimit: 6, temperature: 0 });
    const sampled = await generate(model, prompt, { vocabLimit: 6, temperature: 5 });
    expect(Math.max(...greedy.ids, ...sampled.ids)).toBeLessThan(6);
    expect([greedy.ids.length, greedy.stopReason]).toEqual([7, 'length']);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses a logit of %s, alone and beside others', async (value) => {
    const model = new Damaged(7, value);
    const refused = { name: 'GenerationError', code: 'not_finite', message: expect.stringContaining('token 7') };
    const greedy = { promptIds: prompt, maxTokens: 3, temperature: 0 };
    const sampled = { ...greedy, temperature: 1 };
    // What can't be drawn does no harm.
    expect((await generate(model, prompt, { ...greedy, vocabLimit: 7 })).ids).toHaveLength(3);
    const { tensors } = memory();
    for (const requests of [
      [greedy],
      [{ ...greedy, logprobs: true }],
      [sampled],
      [greedy, sampled],
      [greedy, greedy],
    ]) {
      await expect(generateBatch(model, requests)).rejects.toMatchObject(refused);
    }
    expect(memory().tensors).toBe(tensors);
  });

  it('frees the cache when onToken throws, and throws its error', async () => {
    const model = new Toy();
    const onToken = () => {
      throw new Error('mine');
    };
    const use = async () => {
      await expect(generate(model, prompt, { onToken })).rejects.toThrow('mine');
      await expect(generateBatch(model, [{ promptIds: prompt }, { promptIds: [7] }], { onToken })).rejects.toThrow(
        'mine',
      );
    };
    await use();
    const before = memory();
    await use();
    expect(memory()).toMatchObject({ tensors: before.tensors, liveBytes: before.liveBytes });
  });

  it('ends by its signal between steps, and gives the event loop its turns', async () => {
    const controller = new AbortController();
    setImmediate(() => setImmediate(() => controller.abort(new Error('enough'))));
    const run = generate(new Toy(), prompt, { maxTokens: 400, signal: controller.signal });
    await expect(run).rejects.toThrow('enough');
  });

  it('leaves no memory behind, also when the reader leaves early', async () => {
    const model = new Toy();
    const use = async () => {
      await generate(model, prompt, { maxTokens: 3, logprobs: 2 });
      for await (const { id } of generateStream(model, prompt)) if (id >= 0) break;
    };
    await use();
    const before = memory();
    await use();
    expect(memory()).toMatchObject({ tensors: before.tensors, liveBytes: before.liveBytes });
  });

  it.each<[string, number[], GenerateOptions]>([
    ['prompt', [], {}],
    ['prompt', new Array<number>(500).fill(1), {}],
    ['value', prompt, { maxTokens: 0 }],
    ['value', prompt, { topP: 2 }],
    ['value', prompt, { stop: ['word'] }],
    ['value', prompt, { vocabLimit: 41 }],
    ['value', prompt, { logprobs: -1 }],
    ['token_out_of_range', [1, 40], {}],
  ])('throws %s', async (code, promptIds, options) => {
    await expect(generate(new Toy(), promptIds, options)).rejects.toMatchObject({ code });
  });

  it.each<[string, object]>([
    ['seed', { seed: 1.5 }],
    ['seed', { seed: -1 }],
    ['seed', { seed: null }],
    ['choice', { choice: 2 ** 40 }],
    ['choice', { choice: 'x' }],
    ['stop', { stop: 'a', decoder: letters() }],
    ['stop', { stop: [null] }],
    ['endIds', { endIds: 5 }],
    ['endIds', { endIds: ['</s>'] }],
    ['decoder', { decoder: 5 }],
    ['signal', { signal: {} }],
    ['prefillChunk', { prefillChunk: 1.5 }],
    ['prefillChunk', { prefillChunk: Number.NaN }],
  ])('refuses %s of another kind before the first token: %o', async (name, options) => {
    const refused = { name: 'GenerationError', code: 'value', message: expect.stringContaining(`expected ${name}`) };
    await expect(generate(new Toy(), prompt, { temperature: 0, ...options })).rejects.toMatchObject(refused);
  });

  it.each([null, undefined, 5, 'Once', {}])('refuses %o as a prompt', async (promptIds) => {
    const refused = { name: 'GenerationError', code: 'prompt', message: expect.stringContaining('list of token ids') };
    await expect(generate(new Toy(), promptIds as never)).rejects.toMatchObject(refused);
  });
});
