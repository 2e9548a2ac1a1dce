import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatsError, writeCheckpoint, writeJsonFile } from '@tessera-llm/formats';
import { LayersError, batchFromSequences, languageModelLoss } from '@tessera-llm/layers';
import { memory, scope, valueAndGrad } from '@tessera-llm/tensor';
import { Tokenizer, applyChatTemplate, byteAlphabet } from '@tessera-llm/tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Model, type ModelConfigInput, ModelsError, createModel, open, save } from './index';

const llama = {
  model_type: 'llama',
  vocab_size: 64,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
} as const;
const gpt2 = { model_type: 'gpt2', vocab_size: 64, n_positions: 12, n_embd: 16, n_layer: 2, n_head: 2 } as const;

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-models-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function logitBytes(model: Model): Uint8Array {
  return scope(() =>
    model.logits(
      model.hidden(
        batchFromSequences([
          [1, 2, 3, 4],
          [5, 6],
        ]),
      ),
    ),
  ).bytesSync();
}

async function thrown(run: () => Promise<unknown>): Promise<{ code?: unknown; message?: string }> {
  try {
    await run();
  } catch (error) {
    return Object(error);
  }
  throw new Error('expected an error, got none');
}

describe('a pass with a key-value cache', () => {
  it('refuses gradients, which it would lose, and is usable afterwards', () => {
    const model = createModel(llama, { seed: 1 });
    const cache = model.createCache(64);
    const slots = Int32Array.of(cache.allocate(8));
    const batch = batchFromSequences([[1, 2, 3]], { cache: { store: cache, slots } });
    const loss = () => languageModelLoss(model, batch, { targets: Int32Array.of(2, 3, 4), normalizer: 3 });
    expect(() => valueAndGrad(loss, model.parameters())).toThrow(expect.objectContaining({ code: 'autograd' }));
    expect(scope(loss).dataSync()[0]).toBeGreaterThan(0);
    cache.dispose();
    model.dispose();
  });
});

describe('createModel', () => {
  it('makes the same weights from a seed, others from another', () => {
    const bits = (seed: number) => logitBytes(createModel(llama, { seed }));
    expect(bits(1)).toEqual(bits(1));
    expect(bits(1)).not.toEqual(bits(2));
  });

  it('refuses options that it does not know', () => {
    const make = (options: object) => () => createModel(llama, Object({ seed: 1, ...options }));
    expect(make({ compute: 'float16' })).toThrow("expected compute 'float32' or 'bfloat16', got \"float16\"");
    expect(make({ compat: 'HF' })).toThrow('expected compat \'hf\', got "HF"');
  });

  it('starts as transformers does: normal weights, ones in norms, zeros in biases, smaller residual branches', () => {
    const parameters = createModel({ ...gpt2, n_embd: 64, initializer_range: 0.1 }, { seed: 1 }).namedParameters();
    const std = (key: string) => {
      const values = Float32Array.from(parameters.get(key)?.dataSync() ?? []);
      return Math.sqrt(values.reduce((sum, w) => sum + w * w, 0) / values.length);
    };
    expect(std('transformer.h.0.mlp.c_fc.weight')).toBeCloseTo(0.1, 2);
    expect(std('transformer.h.1.mlp.c_proj.weight')).toBeCloseTo(0.05, 2);
    expect(std('transformer.h.1.attn.c_attn.bias')).toBe(0);
    expect(new Set(parameters.get('transformer.ln_f.weight')?.dataSync())).toEqual(new Set([1]));
  });

  it.each<[string, object]>([
    ['invalid_config', { ...llama, num_attention_heads: 5 }],
    ['invalid_config', { ...llama, num_key_value_heads: 3 }],
    ['invalid_config', { ...llama, hidden_act: 'wish' }],
    ['invalid_config', { ...llama, hidden_size: -1 }],
    ['invalid_config', { ...llama, rope_parameters: { rope_type: 'spiral' } }],
    ['invalid_config', { ...gpt2, n_head: 3 }],
    ['unsupported_architecture', { ...llama, model_type: 'mistral' }],
    ['unsupported_architecture', { ...llama, model_type: 'constructor' }],
  ])('throws %s for %o', (code, config) => {
    const create = () => createModel(config as ModelConfigInput, { seed: 1 });
    expect(create).toThrow(ModelsError);
    expect(create).toThrow(expect.objectContaining({ code }));
  });
});

describe('hidden', () => {
  it.each([llama, gpt2])('checks ids: %o', (config) => {
    const model = createModel(config, { seed: 1 });
    for (const id of [-1, 64]) {
      expect(() => model.hidden(batchFromSequences([[1, id]]))).toThrow(
        expect.objectContaining({ name: 'LayersError', code: 'token_out_of_range' }),
      );
    }
  });

  it('checks learned positions', () => {
    const model = createModel(gpt2, { seed: 1 });
    expect(() => model.hidden(batchFromSequences([new Array<number>(13).fill(1)]))).toThrow(LayersError);
  });

  it('in training mode drops by (seed, step, sample), and the loss of a batch is that of its parts', () => {
    const model = createModel(gpt2, { seed: 1 }).train();
    const loss = (sequences: number[][], sampleIds: number[], step: number, normalizer: number) =>
      languageModelLoss(
        model,
        batchFromSequences(sequences, { rng: { seed: 1, step, sampleIds: Int32Array.from(sampleIds) } }),
        { normalizer },
      ).dataSync()[0] ?? 0;
    const a = [1, 2, 3, 4, 5];
    const b = [9, 8, 7];
    const together = loss([a, b], [0, 1], 3, 6);
    expect(loss([a], [0], 3, 6) + loss([b], [1], 3, 6)).toBeCloseTo(together, 5);
    expect(loss([a, b], [0, 1], 4, 6)).not.toBe(together);
    expect(() => model.hidden(batchFromSequences([a]))).toThrow(/rng/);
  });

  it('leaves no tensors behind', () => {
    const model = createModel(gpt2, { seed: 1 });
    const run = () => {
      const batch = batchFromSequences([[1, 2, 3]]);
      const { value, grads } = valueAndGrad(() => languageModelLoss(model, batch), model.parameters());
      for (const x of [value, ...grads]) x.dispose();
      model.hidden(batch).dispose();
    };
    run();
    const before = memory().tensors;
    run();
    expect(memory().tensors).toBe(before);
  });
});

describe('save and open', () => {
  it.each([llama, { ...llama, tie_word_embeddings: true }, gpt2, { ...gpt2, tie_word_embeddings: false }])(
    'round-trip every bit: %o',
    async (config) => {
      const folder = join(root, `round-${JSON.stringify(config).length}`);
      const model = createModel(config, { seed: 5 });
      await save(folder, { model });
      const again = await open(folder);
      expect(logitBytes(again.model)).toEqual(logitBytes(model));
      expect([...again.model.namedParameters().keys()]).toEqual([...model.namedParameters().keys()]);
      expect(again.endIds).toEqual([config.model_type === 'llama' ? 2 : 50256]);
      expect(again.tokenizer).toBeNull();
    },
  );

  it('keeps other files, and replaces the weights of an earlier save', async () => {
    const folder = join(root, 'again');
    await save(folder, { model: createModel(llama, { seed: 1 }) });
    await writeFile(join(folder, 'log.jsonl'), 'kept');
    await writeFile(join(folder, 'model.safetensors.index.json'), 'stale');
    const second = createModel(llama, { seed: 2 });
    await save(folder, { model: second });
    expect(await readFile(join(folder, 'log.jsonl'), 'utf8')).toBe('kept');
    expect((await readdir(folder)).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'log.jsonl',
      'model.safetensors',
    ]);
    expect(logitBytes((await open(folder)).model)).toEqual(logitBytes(second));
  });

  it('saves bfloat16 weights', async () => {
    const folder = join(root, 'bf16');
    const model = createModel(llama, { seed: 1 });
    await save(folder, { model, dtype: 'bfloat16' });
    const [got] = (await open(folder)).model.parameters();
    const [want] = model.parameters();
    const bits = (values: ArrayLike<number> | undefined) => new Uint32Array(Float32Array.from(values ?? []).buffer);
    expect(bits(got?.dataSync()).every((word) => (word & 0xffff) === 0)).toBe(true);
    got?.dataSync().forEach((w, i) => expect(w).toBeCloseTo(want?.dataSync()[i] ?? 0, 3));
  });

  it('saves the tokenizer, its special tokens and the chat template', async () => {
    const folder = join(root, 'tokenizer');
    const vocab = Object.fromEntries([...byteAlphabet, '</s>'].map((token, id) => [token, id]));
    const tokenizer = Tokenizer.fromJSON({
      version: '1.0',
      added_tokens: [
        {
          id: 256,
          content: '</s>',
          special: true,
          single_word: false,
          lstrip: false,
          rstrip: false,
          normalized: false,
        },
      ],
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: null,
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab, merges: [] },
    });
    const model = createModel({ ...llama, vocab_size: 257, eos_token_id: 256, bos_token_id: null }, { seed: 1 });
    await mkdir(join(folder, 'additional_chat_templates'), { recursive: true });
    await writeFile(join(folder, 'chat_template.jinja'), 'old');
    await save(folder, { model, tokenizer, chatTemplate: '{{ eos_token }}{{ messages[0].content }}' });
    const opened = await open(folder);
    expect(opened.tokenizer?.encodeIds('hé')).toEqual(tokenizer.encodeIds('hé'));
    const chat = [{ role: 'user', content: 'hé</s>' }];
    expect(opened.chatTemplate?.render(chat).text).toBe('</s>hé</s>');
    expect(
      opened.tokenizer &&
        opened.chatTemplate && [...applyChatTemplate(opened.tokenizer, opened.chatTemplate, chat).ids],
    ).toEqual([256, ...tokenizer.encodeIds('hé</s>', { allowedSpecial: 'none' })]);
    await mkdir(join(folder, 'additional_chat_templates'));
    await writeFile(join(folder, 'chat_template.jinja'), 'from the file');
    await writeFile(join(folder, 'additional_chat_templates', 'tool_use.jinja'), 'with tools');
    const files = (await open(folder)).chatTemplate;
    expect([files?.render(chat).text, files?.render(chat, { tools: [{}] }).text]).toEqual([
      'from the file',
      'with tools',
    ]);
    expect(opened.endIds).toEqual([256]);
  });

  it('end ids are those of generation_config, config and tokenizer together', async () => {
    const folder = join(root, 'ends');
    await save(folder, {
      model: createModel({ ...llama, eos_token_id: [3, 4] }, { seed: 1 }),
      generationConfig: { eos_token_id: [4, 9] },
    });
    expect((await open(folder)).endIds).toEqual([4, 9, 3]);
  });

  it('an unwritable folder is an error, and nothing is lost', async () => {
    const file = join(root, 'file');
    await writeFile(file, 'not a folder');
    const error = await thrown(() => save(file, { model: createModel(llama, { seed: 1 }) }));
    expect(error instanceof FormatsError && error.code).toBe('write_failed');
    expect(await readFile(file, 'utf8')).toBe('not a folder');
  });
});

describe('bad folders', () => {
  async function folderOf(name: string, config: object, from: Model): Promise<string> {
    const folder = join(root, name);
    await mkdir(folder);
    await save(folder, { model: from });
    await writeJsonFile(join(folder, 'config.json'), JSON.parse(JSON.stringify(config)));
    return folder;
  }

  it('weights of another architecture: both are named', async () => {
    const folder = await folderOf('wrong', llama, createModel(gpt2, { seed: 1 }));
    const error = await thrown(() => open(folder));
    expect(error.code).toBe('wrong_architecture');
    expect(error.message).toMatch(/llama.*gpt2/);
  });

  it('weights that do not fit the configuration: the keys are named, no memory is kept', async () => {
    const folder = await folderOf('shapes', { ...llama, intermediate_size: 25 }, createModel(llama, { seed: 1 }));
    const before = memory();
    const error = await thrown(() => open(folder));
    expect(error.code).toBe('invalid_checkpoint');
    expect(memory().liveBytes).toBe(before.liveBytes);
    const smaller = await folderOf('fewer', { ...llama, intermediate_size: 23 }, createModel(llama, { seed: 1 }));
    expect((await thrown(() => open(smaller))).message).toMatch(
      /gate_proj\.weight: expected \(23, 16\), got \(24, 16\)/,
    );
  });

  it('a configuration far larger than the file allocates nothing', async () => {
    const huge = { ...llama, vocab_size: 2 ** 24, hidden_size: 2 ** 18, num_hidden_layers: 4096 };
    const folder = await folderOf('huge', huge, createModel(llama, { seed: 1 }));
    expect((await thrown(() => open(folder))).code).toBe('invalid_checkpoint');
  });

  it('a missing tensor, an unknown one, and a dtype that is no weight', async () => {
    const model = createModel(llama, { seed: 1 });
    const tensors = [...model.namedParameters()].map(
      ([key, p]) => [key, { dtype: 'F32' as const, shape: p.shape, bytes: p.bytesSync() }] as const,
    );
    const missing = await folderOf('missing', llama, model);
    await writeCheckpoint(missing, tensors.slice(0, -1));
    expect((await thrown(() => open(missing))).message).toMatch(/lm_head\.weight|fewer/);
    const extra = await folderOf('extra', llama, model);
    await writeCheckpoint(extra, [
      ...tensors,
      ['model.layers.0.odd', { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) }],
    ]);
    expect((await thrown(() => open(extra))).message).toMatch(/unexpected keys: model\.layers\.0\.odd/);
    const ints = await folderOf('ints', llama, model);
    await writeCheckpoint(
      ints,
      tensors.map(([key, t]) => [key, key === 'model.norm.weight' ? { ...t, dtype: 'I32' as const } : t] as const),
    );
    expect((await thrown(() => open(ints))).code).toBe('unsupported_dtype');
  });

  it('a cut file and an absent folder', async () => {
    const cut = await folderOf('cut', llama, createModel(llama, { seed: 1 }));
    const bytes = await readFile(join(cut, 'model.safetensors'));
    await writeFile(join(cut, 'model.safetensors'), bytes.subarray(0, bytes.length - 10));
    expect((await thrown(() => open(cut))) instanceof FormatsError).toBe(true);
    expect((await thrown(() => open(join(root, 'nowhere')))) instanceof FormatsError).toBe(true);
  });

  it('an aborted load frees what it had', async () => {
    const folder = join(root, 'abort');
    await save(folder, { model: createModel(llama, { seed: 1 }) });
    const before = memory().liveBytes;
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    expect((await thrown(() => open(folder, { signal: controller.signal, onProgress }))).message).toBe('enough');
    expect(memory().liveBytes).toBe(before);
  });
});
