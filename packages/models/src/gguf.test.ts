import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GgufValue, dequantizeGguf, openGguf, writeGguf } from '@tessera-llm/formats';
import { batchFromSequences } from '@tessera-llm/layers';
import { isQuantizedWeight, memory, scope } from '@tessera-llm/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permuteRows } from './gguf/rows';
import { type LlamaConfigInput, type Model, createModel, open, save } from './index';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-gguf-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

const base: LlamaConfigInput = {
  model_type: 'llama',
  vocab_size: 64,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
};
const long = Array.from({ length: 40 }, (_, i) => (i * 7) % 64);
const logits = (model: Model): Float32Array =>
  Float32Array.from(scope(() => model.logits(model.hidden(batchFromSequences([long])))).dataSync());
const close = (a: Float32Array, b: Float32Array): number => Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? 0))));

describe('GGUF files', () => {
  it.each<[string, Partial<LlamaConfigInput>]>([
    ['plain', {}],
    ['tied', { tie_word_embeddings: true }],
    ['with biases', { attention_bias: true, mlp_bias: true }],
    ['with wider heads', { head_dim: 24 }],
    ['linear', { rope_parameters: { rope_type: 'linear', factor: 4, rope_theta: 5000 } }],
    [
      'yarn',
      { rope_parameters: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64, rope_theta: 1e4 } },
    ],
    [
      'llama3',
      {
        rope_parameters: {
          rope_type: 'llama3',
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 64,
          rope_theta: 5e5,
        },
      },
    ],
  ])('of a %s Llama give the same logits', async (name, changes) => {
    const model = createModel({ ...base, ...changes }, { seed: 2 });
    const path = at(`${name}.gguf`);
    await save(path, { model });
    const opened = await open(path);
    // Llama 3's factors are stored rounded to float32; everything else comes back bit for bit.
    expect(close(logits(opened.model), logits(model))).toBeLessThanOrEqual(name === 'llama3' ? 1e-5 : 0);
    expect(opened.endIds).toEqual([2]);
    expect(opened.model.config).toMatchObject({ ...base, ...(name === 'llama3' ? {} : changes) });
  });

  it('keep bfloat16 and packed weights as they are', async () => {
    const model = createModel(base, { seed: 3 });
    await save(at('dense'), { model });
    for (const options of [
      { weights: 'bfloat16' },
      { weights: 'packed', format: 'Q8_0' },
      { weights: 'packed', format: 'Q4_1', compute: 'int8' },
    ] as const) {
      const first = await open(at('dense'), options);
      await save(at('kept.gguf'), { ...first, dtype: 'packed' });
      const type = 'format' in options ? options.format : 'BF16';
      const file = await openGguf(at('kept.gguf'));
      expect(file.tensors.get('blk.1.attn_k.weight')?.type).toBe(type);
      expect(file.tensors.get('output_norm.weight')?.type).toBe('F32');
      await file.close();
      const { format: _, ...again } = { format: null, ...options };
      const second = await open(at('kept.gguf'), again);
      expect(logits(second.model)).toEqual(logits(first.model));
      for (const [path, weight] of second.model.namedWeights()) {
        const before = first.model.namedWeights().get(path);
        if (isQuantizedWeight(weight) && isQuantizedWeight(before)) {
          expect(await weight.bytes()).toEqual(await before.bytes());
        }
      }
      // A folder of a packed model holds what the blocks stand for.
      await save(at('unpacked'), first);
      const unpacked = await open(at('unpacked'), { compute: first.model.compute });
      const dense = await open(at('kept.gguf'), { compute: first.model.compute });
      expect(logits(unpacked.model)).toEqual(logits(dense.model));
    }
  });

  it('keep the metadata of the file, its chat templates and token ids', async () => {
    const strings = (value: string[]): GgufValue => ({ type: 'array', itemType: 'string', value });
    const tokens = Array.from({ length: 64 }, (_, i) => (i < 3 ? `<${i}>` : String.fromCharCode(61 + i)));
    const metadata = new Map<string, GgufValue>([
      ['general.name', { type: 'string', value: 'a name' }],
      ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
      ['tokenizer.ggml.pre', { type: 'string', value: 'gpt-2' }],
      ['tokenizer.ggml.tokens', strings(tokens)],
      ['tokenizer.ggml.merges', strings([])],
      ['tokenizer.ggml.bos_token_id', { type: 'uint32', value: 1 }],
      ['tokenizer.ggml.eos_token_id', { type: 'uint32', value: 0 }],
      ['tokenizer.ggml.eot_token_id', { type: 'uint32', value: 2 }],
      ['tokenizer.chat_template', { type: 'string', value: '{{ bos_token }}{{ messages[0].content }}' }],
      ['other.key', { type: 'bool', value: true }],
    ]);
    const model = createModel({ ...base, bos_token_id: 1, eos_token_id: 0 }, { seed: 1 });
    await save(at('named.gguf'), { model, metadata });
    const opened = await open(at('named.gguf'));
    expect(opened.endIds).toEqual([0, 2]);
    expect(opened.tokenizer?.encodeIds('@A')).toEqual([3, 4]);
    expect(opened.chatTemplate?.render([{ role: 'user', content: 'hi' }]).text).toBe('<1>hi');
    await save(at('again.gguf'), opened);
    const again = await open(at('again.gguf'));
    expect([...(again.metadata ?? [])]).toEqual([...(opened.metadata ?? [])]);
    expect(again.metadata?.get('general.name')?.value).toBe('a name');
    expect(again.metadata?.has('other.key')).toBe(false);
  });

  it('that lie are refused with a reason, and nothing is kept', async () => {
    const model = createModel(base, { seed: 1 });
    await save(at('true.gguf'), { model });
    const file = await openGguf(at('true.gguf'));
    const rewrite = async (name: string, change: (metadata: Map<string, GgufValue>) => void) => {
      const metadata = new Map(file.metadata);
      change(metadata);
      const tensors = await Promise.all(
        [...file.tensors.keys()].map(async (key) => [key, await file.read(key)] as const),
      );
      await writeGguf(at(name), { metadata, tensors });
      return at(name);
    };
    const u32 = (value: number): GgufValue => ({ type: 'uint32', value });
    const cases: [string, string, (metadata: Map<string, GgufValue>) => void][] = [
      ['unsupported_architecture', 'arch', (m) => m.set('general.architecture', { type: 'string', value: 'mamba' })],
      ['unsupported_architecture', 'experts', (m) => m.set('llama.expert_count', u32(8))],
      ['invalid_config', 'absent', (m) => m.delete('llama.embedding_length')],
      ['invalid_config', 'type', (m) => m.set('llama.block_count', { type: 'string', value: 'two' })],
      ['invalid_config', 'heads', (m) => m.set('llama.attention.head_count', u32(0))],
      ['invalid_checkpoint', 'layers', (m) => m.set('llama.block_count', u32(1))],
      ['invalid_checkpoint', 'more', (m) => m.set('llama.block_count', u32(4000))],
      ['invalid_checkpoint', 'width', (m) => m.set('llama.feed_forward_length', u32(64))],
    ];
    const before = memory();
    for (const [code, name, change] of cases) {
      await expect(open(await rewrite(`${name}.gguf`, change))).rejects.toMatchObject({ name: 'ModelsError', code });
    }
    expect(memory()).toMatchObject({ tensors: before.tensors, liveBytes: before.liveBytes });
    await file.close();
  });

  it.each([
    [{ compute: 'int8' }, /weights 'packed'/],
    [{ weights: 'bfloat16', format: 'Q8_0' }, /weights 'packed'/],
  ] as const)('%o contradict each other', async (options, message) => {
    const model = createModel(base, { seed: 1 });
    await save(at('options.gguf'), { model });
    await expect(open(at('options.gguf'), options)).rejects.toThrow(message);
  });

  it('of what the format lacks are refused before anything is written', async () => {
    const dynamic = createModel({ ...base, rope_parameters: { rope_type: 'dynamic', factor: 2 } }, { seed: 1 });
    await expect(save(at('no.gguf'), { model: dynamic })).rejects.toMatchObject({ code: 'unsupported_architecture' });
    const gpt2 = createModel({ model_type: 'gpt2', vocab_size: 9, n_embd: 8, n_layer: 1, n_head: 2 }, { seed: 1 });
    await expect(save(at('no.gguf'), { model: gpt2 })).rejects.toMatchObject({ code: 'unsupported_architecture' });
    await expect(save(at('folder'), { model: dynamic, dtype: 'packed' })).rejects.toMatchObject({
      code: 'invalid_option',
    });
  });

  it('move rows there and back', () => {
    const rows = Uint8Array.from({ length: 16 }, (_, i) => i);
    const pairs = permuteRows(rows, { rows: 8, heads: 2, to: 'pairs' });
    expect([...pairs]).toEqual([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]);
    expect(permuteRows(pairs, { rows: 8, heads: 2, to: 'halves' })).toEqual(rows);
  });

  it('hold the values that were put in', async () => {
    const model = createModel(base, { seed: 5 });
    await save(at('values.gguf'), { model });
    const file = await openGguf(at('values.gguf'));
    const want = model.namedParameters().get('model.layers.1.mlp.down_proj.weight')?.dataSync();
    expect(dequantizeGguf(await file.read('blk.1.ffn_down.weight'))).toEqual(want);
    await file.close();
  });
});
