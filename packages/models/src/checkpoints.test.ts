import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TensorToWrite, writeCheckpoint } from '@tessera-llm/formats';
import { batchFromSequences, languageModelLoss } from '@tessera-llm/layers';
import { memory, scope, valueAndGrad } from '@tessera-llm/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Model, architectures, createModel, open, save } from './index';

const llama = {
  model_type: 'llama',
  vocab_size: 24,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
} as const;
const gpt2 = { model_type: 'gpt2', vocab_size: 24, n_positions: 12, n_embd: 16, n_layer: 1, n_head: 2 } as const;

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-checkpoints-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const logits = (model: Model) => scope(() => model.logits(model.hidden(batchFromSequences([[1, 2, 3, 4]])))).dataSync();

describe('rotary fields', () => {
  const rope = (fields: object) => architectures.llama.blueprint({ ...llama, ...fields }).config.rope_parameters;
  const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 } as const;

  // What LlamaConfig of transformers 5 makes of the same fields.
  it.each([
    [
      'the original length at the top level before that inside',
      { rope_parameters: { ...llama3, original_max_position_embeddings: 64 }, original_max_position_embeddings: 8 },
      { ...llama3, original_max_position_embeddings: 8, rope_theta: 10000 },
    ],
    [
      'rope_scaling with fields before rope_parameters, with the base of the top level',
      {
        rope_parameters: { rope_type: 'default', rope_theta: 7 },
        rope_scaling: { type: 'linear', factor: 4 },
        rope_theta: 500,
      },
      { rope_type: 'linear', factor: 4, rope_theta: 500 },
    ],
    [
      'the usual base where a rope_scaling has none',
      { rope_parameters: { rope_type: 'default', rope_theta: 7 }, rope_scaling: { rope_type: 'linear', factor: 4 } },
      { rope_type: 'linear', factor: 4, rope_theta: 10000 },
    ],
    [
      'rope_parameters beside an empty rope_scaling',
      { rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 7 }, rope_scaling: {} },
      { rope_type: 'linear', factor: 2, rope_theta: 7 },
    ],
  ])('%s', (_, fields, expected) => {
    expect(rope(fields)).toEqual(expected);
  });

  it('a Llama that rotates a part of its heads is refused', () => {
    for (const fields of [
      { partial_rotary_factor: 0.5 },
      { rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.5 } },
    ]) {
      expect(() => rope(fields)).toThrow('expected no partial_rotary_factor, or 1, got 0.5');
    }
    expect(rope({ partial_rotary_factor: 1 })).toMatchObject({ rope_type: 'default' });
  });
});

describe('a tied head', () => {
  const embeddings = { llama: 'model.embed_tokens.weight', gpt2: 'transformer.wte.weight' } as const;

  it.each([{ ...llama, tie_word_embeddings: true }, gpt2])(
    'of $model_type may be stored twice or in the place of the embedding',
    async (config) => {
      const model = createModel(config, { seed: 1 });
      const embedding = embeddings[config.model_type];
      const folder = join(root, config.model_type);
      await save(folder, { model });
      const tensors = [...model.namedParameters()].map(([key, p]): [string, TensorToWrite] => [
        key,
        { dtype: 'F32', shape: p.shape, bytes: p.bytesSync() },
      ]);
      const table = tensors.find(([key]) => key === embedding)?.[1];
      if (table === undefined) throw new Error('expected an embedding');
      const head = 'lm_head.weight';
      for (const stored of [
        [...tensors, [head, table] as [string, TensorToWrite]],
        tensors.map(([key, t]): [string, TensorToWrite] => [key === embedding ? head : key, t]),
      ]) {
        await writeCheckpoint(folder, stored);
        expect(logits((await open(folder)).model)).toEqual(logits(model));
      }
      // transformers 4 ties the two, 5 keeps them apart: only the owner of the file knows.
      await writeCheckpoint(folder, [...tensors, [head, { ...table, bytes: new Uint8Array(24 * 64) }]]);
      const before = memory().liveBytes;
      await expect(open(folder)).rejects.toMatchObject({
        code: 'invalid_checkpoint',
        message: expect.stringMatching(/lm_head\.weight to equal .*; if .* set tie_word_embeddings to false/),
      });
      expect(memory().liveBytes).toBe(before);
    },
  );
});

describe('a checkpoint that does not fit', () => {
  it('of too few or too small tensors: every one is named', async () => {
    const folder = join(root, 'few');
    const model = createModel(llama, { seed: 1 });
    await save(folder, { model });
    const lost = 'model.layers.1.mlp.up_proj.weight';
    await writeCheckpoint(
      folder,
      [...model.namedParameters()]
        .filter(([key]) => key !== lost)
        .map(([key, p]): [string, TensorToWrite] => [key, { dtype: 'F32', shape: p.shape, bytes: p.bytesSync() }]),
    );
    await expect(open(folder)).rejects.toThrow(`missing keys: ${lost}`);
    await save(folder, { model });
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...llama, vocab_size: 25 }));
    await expect(open(folder)).rejects.toThrow('model.embed_tokens.weight: expected (25, 16), got (24, 16)');
  });
});

describe('the padding row of a Llama', () => {
  it('is zeros in a new model, and gets gradients from the head alone, as in transformers', () => {
    for (const [pad, row] of [
      [3, 3],
      [-1, 23],
    ] as const) {
      const model = createModel({ ...llama, pad_token_id: pad }, { seed: 1 });
      const others = createModel(llama, { seed: 1 });
      const table = (m: Model) => m.namedParameters().get('model.embed_tokens.weight');
      const expected = Float32Array.from(table(others)?.dataSync() ?? []).fill(0, row * 16, row * 16 + 16);
      expect(table(model)?.dataSync()).toEqual(expected);
      const batch = batchFromSequences([[1, row, 2, row, 5]]);
      const { grads } = valueAndGrad(() => languageModelLoss(model, batch), model.parameters());
      const gradient =
        grads[[...model.namedParameters().keys()].indexOf('model.embed_tokens.weight')]?.dataSync() ?? [];
      expect(Array.from(gradient.slice(row * 16, row * 16 + 16))).toEqual(new Array(16).fill(0));
      expect(gradient.slice(16, 32).some((g) => g !== 0)).toBe(true);
    }
    // An id that the table lacks is no row.
    expect(createModel({ ...llama, pad_token_id: 24 }, { seed: 1 }).parameterCount()).toBeGreaterThan(0);
  });
});
