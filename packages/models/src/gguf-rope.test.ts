import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GgufValue, openGguf, writeGguf } from '@tessera-llm/formats';
import { type RopeParameters, batchFromSequences } from '@tessera-llm/layers';
import { scope } from '@tessera-llm/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Model, createModel, open, save } from './index';

const base = {
  model_type: 'llama',
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 64,
} as const;
const short_factor = [1, 1.5, 2, 3];
const long_factor = [2, 3, 4, 8];

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-gguf-rope-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const ids = Array.from({ length: 24 }, (_, i) => (i * 5) % 32);
const logits = (model: Model) => scope(() => model.logits(model.hidden(batchFromSequences([ids])))).dataSync();
const model = (rope_parameters: RopeParameters) =>
  createModel({ ...base, rope_parameters: { ...rope_parameters }, initializer_range: 0.3 }, { seed: 1 });

async function saved(name: string, rope: RopeParameters) {
  const path = join(root, `${name}.gguf`);
  const written = model(rope);
  await save(path, { model: written });
  const { model: opened, metadata } = await open(path);
  const [a, b] = [logits(written), logits(opened)];
  return {
    difference: Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? 0)))),
    field: (key: string) => metadata?.get(`llama.rope.scaling.${key}`)?.value,
  };
}

describe('rotary scalings in GGUF files', () => {
  // llama.cpp reads the two tensors of factors only where the type says longrope, and multiplies by attn_factor or 1.
  it.each<[string, Partial<Extract<RopeParameters, { rope_type: 'longrope' }>>, number]>([
    ['of the lengths', {}, Math.sqrt(1 + Math.log(4) / Math.log(16))],
    ['of the factor', { factor: 2 }, Math.sqrt(1 + Math.log(2) / Math.log(16))],
    ['as given', { attention_factor: 0.75 }, 0.75],
  ])('longrope has its type and the attention factor %s', async (name, changes, attention) => {
    const common = { rope_type: 'longrope', rope_theta: 1e4, original_max_position_embeddings: 16 } as const;
    const { difference, field } = await saved(name, { ...common, short_factor, long_factor, ...changes });
    expect(difference).toBeLessThan(1e-5);
    expect(field('type')).toBe('longrope');
    expect(field('attn_factor')).toBeCloseTo(attention, 6);
  });

  it('equal factors with an attention factor of their own keep it', async () => {
    const rope = { rope_type: 'longrope', rope_theta: 1e4, original_max_position_embeddings: 16 } as const;
    const { difference, field } = await saved('equal', { ...rope, short_factor, long_factor: short_factor });
    expect(difference).toBeLessThan(1e-5);
    expect(field('attn_factor')).toBeGreaterThan(1.1);
  });

  it('yarn keeps an attention factor: what llama.cpp multiplies 1 + 0.1 ln(factor) with', async () => {
    const yarn = { rope_type: 'yarn', rope_theta: 1e4, factor: 4, original_max_position_embeddings: 16 } as const;
    for (const [name, changes, attention] of [
      ['given', { attention_factor: 0.8 }, 0.8],
      ['scales', { mscale: 0.7, mscale_all_dim: 1 }, (1 + 0.07 * Math.log(4)) / (1 + 0.1 * Math.log(4))],
    ] as const) {
      const { difference, field } = await saved(name, { ...yarn, ...changes });
      expect(difference).toBeLessThan(1e-5);
      expect(field('attn_factor')).toBeCloseTo(attention / (1 + 0.1 * Math.log(4)), 6);
    }
    const usual = await saved('usual', { ...yarn, beta_fast: 32, beta_slow: 1, truncate: true });
    expect(usual.difference).toBe(0);
    expect(usual.field('attn_factor')).toBeUndefined();
  });

  it('a ramp that llama.cpp lacks is refused', async () => {
    const yarn = { rope_type: 'yarn', rope_theta: 1e4, factor: 4 } as const;
    for (const changes of [{ truncate: false }, { beta_fast: 16 }, { beta_slow: 2 }]) {
      await expect(saved('ramp', { ...yarn, ...changes })).rejects.toMatchObject({ code: 'unsupported_architecture' });
    }
  });
});

describe('metadata of other writers means what llama.cpp makes of it', () => {
  const f32 = (value: number): GgufValue => ({ type: 'float32', value });
  const text = (value: string): GgufValue => ({ type: 'string', value });
  type Fields = Record<string, GgufValue>;

  async function read(name: string, fields: Fields, freqs?: number[]) {
    const from = join(root, 'plain.gguf');
    await save(from, { model: model({ rope_type: 'default', rope_theta: 1e4 }) });
    const file = await openGguf(from);
    const tensors = await Promise.all(
      [...file.tensors.keys()].map(async (key) => [key, await file.read(key)] as const),
    );
    await file.close();
    const metadata = new Map([
      ...file.metadata,
      ...Object.entries(fields).map(([key, v]) => [`llama.rope.${key}`, v] as const),
    ]);
    const floats = Float32Array.from(freqs ?? []);
    const factors = [
      'rope_freqs.weight',
      { type: 'F32', shape: [floats.length], bytes: new Uint8Array(floats.buffer) },
    ] as const;
    const path = join(root, `${name}.gguf`);
    await writeGguf(path, { metadata, tensors: freqs === undefined ? tensors : [...tensors, factors] });
    return open(path).then((opened) => opened.model.config.rope_parameters);
  }
  const rope_theta = 10000;
  const longrope = (factors: number[], attention_factor: number) => ({
    rope_type: 'longrope',
    rope_theta,
    short_factor: factors,
    long_factor: factors,
    attention_factor,
  });

  it.each<[string, Fields, number[] | undefined, object]>([
    [
      'a factor alone is linear',
      { 'scaling.factor': f32(4) },
      undefined,
      { rope_type: 'linear', rope_theta, factor: 4 },
    ],
    ['a factor of 0 is 1', { 'scaling.factor': f32(0) }, undefined, { rope_type: 'default', rope_theta }],
    [
      'none passes over a factor',
      { 'scaling.type': text('none'), 'scaling.factor': f32(4) },
      [1, 1, 2, 4],
      longrope([1, 1, 2, 4], 1),
    ],
    ['factors of pairs are multiplied', { 'scaling.factor': f32(4) }, [1, 1, 2, 4], longrope([4, 4, 8, 16], 1)],
    [
      'attn_factor counts beside them',
      { 'scaling.attn_factor': f32(1.25) },
      [1, 1, 2, 4],
      longrope([1, 1, 2, 4], 1.25),
    ],
    ['attn_factor counts alone', { 'scaling.attn_factor': f32(1.25) }, undefined, longrope([1, 1, 1, 1], 1.25)],
    [
      'yarn has a ramp of its own',
      {
        'scaling.type': text('yarn'),
        'scaling.factor': f32(4),
        'scaling.yarn_beta_fast': f32(16),
        'scaling.yarn_beta_slow': f32(2),
      },
      undefined,
      { rope_type: 'yarn', rope_theta, factor: 4, beta_fast: 16, beta_slow: 2 },
    ],
  ])('%s', async (name, fields, freqs, expected) => {
    expect(await read(name, fields, freqs)).toEqual(expected);
  });

  it('what is not computed is refused', async () => {
    const yarn = { 'scaling.type': text('yarn'), 'scaling.factor': f32(4) };
    for (const fields of [{ 'scaling.yarn_log_multiplier': f32(0.1) }, { 'scaling.yarn_ext_factor': f32(0.5) }]) {
      await expect(read('refused', { ...yarn, ...fields })).rejects.toMatchObject({ code: 'invalid_config' });
    }
    await expect(read('refused', yarn, [1, 1, 2, 4])).rejects.toMatchObject({ code: 'invalid_config' });
    await expect(read('refused', { 'scaling.type': text('longrope') })).rejects.toMatchObject({
      code: 'invalid_config',
    });
  });
});
