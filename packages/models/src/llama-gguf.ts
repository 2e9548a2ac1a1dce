import type { GgufTensorToWrite, GgufValue, JsonObject } from '@tessera-llm/formats';
import { type RopeParameters, inverseFrequencies } from '@tessera-llm/layers';
import { z } from 'zod';
import { ModelsError } from './errors';
import type { GgufBinding, GgufHead } from './gguf/binding';
import type { GgufFields } from './gguf/fields';

const name = 'llama';
const inBlock = (gguf: string, path: string): [string, string][] =>
  ['weight', 'bias'].map((kind) => [`blk.#.${gguf}.${kind}`, `model.layers.#.${path}.${kind}`]);

/** config.json of a Llama's file. */
async function configOf(fields: GgufFields): Promise<JsonObject> {
  const key = (field: string): string => `${name}.${field}`;
  if ((fields.number(key('expert_count')) ?? 0) > 0) {
    throw new ModelsError(
      'unsupported_architecture',
      `[open] expected a dense Llama, got a mixture of experts (${fields.file.name})`,
    );
  }
  const heads = fields.required(key('attention.head_count'));
  const width = fields.required(key('embedding_length'));
  const headDim = fields.number(key('attention.key_length')) ?? width / heads;
  const rotated = fields.number(key('rope.dimension_count')) ?? headDim;
  if (rotated !== headDim) throw fields.wrong(key('rope.dimension_count'), `the width of a head, ${headDim}`, rotated);
  return {
    model_type: 'llama',
    vocab_size: fields.file.tensors.get('token_embd.weight')?.shape[0] ?? fields.required(key('vocab_size')),
    hidden_size: width,
    intermediate_size: fields.required(key('feed_forward_length')),
    num_hidden_layers: fields.required(key('block_count')),
    num_attention_heads: heads,
    num_key_value_heads: fields.number(key('attention.head_count_kv')) ?? heads,
    head_dim: headDim,
    max_position_embeddings: fields.required(key('context_length')),
    rms_norm_eps: fields.required(key('attention.layer_norm_rms_epsilon')),
    tie_word_embeddings: !fields.has('output.weight'),
    attention_bias: fields.has('blk.0.attn_q.bias'),
    mlp_bias: fields.has('blk.0.ffn_up.bias'),
    rope_parameters: await ropeOf(fields),
    bos_token_id: fields.number('tokenizer.ggml.bos_token_id') ?? null,
    eos_token_id: fields.number('tokenizer.ggml.eos_token_id') ?? null,
    pad_token_id: fields.number('tokenizer.ggml.padding_token_id') ?? null,
  };
}

/** Rotary parameters: a factor for every pair where the file has a tensor of them, else the scaling of the metadata. */
async function ropeOf(fields: GgufFields): Promise<JsonObject> {
  const number = (field: string): number | undefined => fields.number(`${name}.rope.${field}`);
  const rope_theta = number('freq_base') ?? 10000;
  const original = number('scaling.original_context_length');
  const originally = original === undefined ? {} : { original_max_position_embeddings: original };
  const same = await fields.floats('rope_freqs.weight');
  const short = same ?? (await fields.floats('rope_factors_short.weight'));
  if (short !== undefined) {
    const long = same ?? (await fields.floats('rope_factors_long.weight')) ?? short;
    const attention_factor = same === undefined ? number('scaling.attn_factor') : 1;
    return {
      rope_type: 'longrope',
      rope_theta,
      short_factor: short,
      long_factor: long,
      ...(attention_factor === undefined ? {} : { attention_factor }),
      ...originally,
    };
  }
  // Files of before 2023-10 have the inverse of the factor.
  const scale = number('scale_linear');
  const type = fields.string(`${name}.rope.scaling.type`) ?? (scale === undefined ? 'none' : 'linear');
  const factor = number('scaling.factor') ?? scale ?? 1;
  if (type === 'none') return { rope_type: 'default', rope_theta };
  if (type === 'linear') return { rope_type: 'linear', rope_theta, factor };
  if (type === 'yarn') return { rope_type: 'yarn', rope_theta, factor, ...originally };
  throw fields.wrong(`${name}.rope.scaling.type`, 'none, linear or yarn', type);
}

const u32 = (value: number): GgufValue => ({ type: 'uint32', value });
const f32 = (value: number): GgufValue => ({ type: 'float32', value });

const written = z.looseObject({
  vocab_size: z.int(),
  hidden_size: z.int(),
  intermediate_size: z.int(),
  num_hidden_layers: z.int(),
  num_attention_heads: z.int(),
  num_key_value_heads: z.int(),
  head_dim: z.int(),
  hidden_act: z.string(),
  max_position_embeddings: z.int(),
  rms_norm_eps: z.number(),
  rope_parameters: z.custom<RopeParameters>((value) => typeof value === 'object' && value !== null),
});

/** Metadata of a Llama's configuration. */
function write(json: Readonly<Record<string, unknown>>): GgufHead {
  const config = written.parse(json);
  if (config.hidden_act !== 'silu' && config.hidden_act !== 'swish') throw lacks('hidden_act silu', config.hidden_act);
  const rope = writtenRope(config.rope_parameters, {
    headDim: config.head_dim,
    maxPositionEmbeddings: config.max_position_embeddings,
  });
  const metadata: (readonly [string, GgufValue])[] = [
    ['context_length', u32(config.max_position_embeddings)],
    ['embedding_length', u32(config.hidden_size)],
    ['block_count', u32(config.num_hidden_layers)],
    ['feed_forward_length', u32(config.intermediate_size)],
    ['attention.head_count', u32(config.num_attention_heads)],
    ['attention.head_count_kv', u32(config.num_key_value_heads)],
    ['attention.key_length', u32(config.head_dim)],
    ['attention.value_length', u32(config.head_dim)],
    ['attention.layer_norm_rms_epsilon', f32(config.rms_norm_eps)],
    ['rope.dimension_count', u32(config.head_dim)],
    ['rope.freq_base', f32(config.rope_parameters.rope_theta)],
    ['vocab_size', u32(config.vocab_size)],
    ...rope.metadata,
  ];
  return { metadata: metadata.map(([key, value]) => [`${name}.${key}`, value]), tensors: rope.tensors };
}

/** What the format says of rotary scalings. Llama 3's is stored as a factor for each pair. */
function writtenRope(rope: RopeParameters, context: { headDim: number; maxPositionEmbeddings: number }): GgufHead {
  if ((rope.partial_rotary_factor ?? 1) !== 1) throw lacks('whole heads to be rotated', 'a part of them');
  const factors = (tensor: string, values: ArrayLike<number>): [string, GgufTensorToWrite] => {
    const floats = Float32Array.from(values);
    return [tensor, { type: 'F32', shape: [floats.length], bytes: new Uint8Array(floats.buffer) }];
  };
  const original: [string, GgufValue][] =
    'original_max_position_embeddings' in rope && rope.original_max_position_embeddings !== undefined
      ? [['rope.scaling.original_context_length', u32(rope.original_max_position_embeddings)]]
      : [];
  switch (rope.rope_type) {
    case 'default':
      return { metadata: [], tensors: [] };
    case 'linear':
      return {
        metadata: [
          ['rope.scaling.type', { type: 'string', value: 'linear' }],
          ['rope.scaling.factor', f32(rope.factor)],
        ],
        tensors: [],
      };
    case 'yarn':
      if (
        [rope.attention_factor, rope.beta_fast, rope.beta_slow, rope.mscale].some((x) => x !== undefined && x !== null)
      ) {
        throw lacks('yarn with its usual ramp and attention factor', 'others');
      }
      return {
        metadata: [
          ['rope.scaling.type', { type: 'string', value: 'yarn' }],
          ['rope.scaling.factor', f32(rope.factor)],
          ...original,
        ],
        tensors: [],
      };
    case 'llama3': {
      const plain = inverseFrequencies({ rope_type: 'default', rope_theta: rope.rope_theta }, context).inverse;
      const scaled = inverseFrequencies(rope, context).inverse;
      return {
        metadata: [],
        tensors: [
          factors(
            'rope_freqs.weight',
            plain.map((f, i) => f / (scaled[i] ?? f)),
          ),
        ],
      };
    }
    case 'longrope': {
      const { short_factor: short, long_factor: long, attention_factor: attention } = rope;
      const same = short.every((factor, i) => factor === long[i]) && attention === 1;
      if (same) return { metadata: [], tensors: [factors('rope_freqs.weight', short)] };
      return {
        metadata: [
          ...original,
          ...(typeof attention === 'number' ? [['rope.scaling.attn_factor', f32(attention)] as const] : []),
        ],
        tensors: [factors('rope_factors_long.weight', long), factors('rope_factors_short.weight', short)],
      };
    }
    case 'dynamic':
      throw lacks('a rotary scaling that GGUF files can hold', 'dynamic');
  }
}

function lacks(expected: string, got: string): ModelsError {
  return new ModelsError('unsupported_architecture', `[save] expected ${expected} for a GGUF file, got ${got}`);
}

/** Llama's files. */
export const llamaGguf: GgufBinding = {
  name,
  configOf,
  names: [
    ['token_embd.weight', 'model.embed_tokens.weight'],
    ['output_norm.weight', 'model.norm.weight'],
    ['output.weight', 'lm_head.weight'],
    ...inBlock('attn_norm', 'input_layernorm'),
    ...inBlock('attn_q', 'self_attn.q_proj'),
    ...inBlock('attn_k', 'self_attn.k_proj'),
    ...inBlock('attn_v', 'self_attn.v_proj'),
    ...inBlock('attn_output', 'self_attn.o_proj'),
    ...inBlock('ffn_norm', 'post_attention_layernorm'),
    ...inBlock('ffn_gate', 'mlp.gate_proj'),
    ...inBlock('ffn_up', 'mlp.up_proj'),
    ...inBlock('ffn_down', 'mlp.down_proj'),
  ],
  constants: ['rope_freqs.weight', 'rope_factors_long.weight', 'rope_factors_short.weight'],
  interleavedHeads(path, config) {
    const field = /\.self_attn\.q_proj\./.test(path)
      ? 'num_attention_heads'
      : /\.self_attn\.k_proj\./.test(path)
        ? 'num_key_value_heads'
        : null;
    const heads = field === null ? null : config[field];
    return typeof heads === 'number' ? heads : null;
  },
  write,
};
