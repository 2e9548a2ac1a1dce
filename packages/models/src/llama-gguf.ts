import type { GgufValue, JsonObject } from '@tessera-llm/formats';
import type { RopeParameters } from '@tessera-llm/layers';
import { z } from 'zod';
import { ModelsError } from './errors';
import type { GgufBinding, GgufHead } from './gguf/binding';
import type { GgufFields } from './gguf/fields';
import { lacks, ropeOf, writtenRope } from './gguf/rope';

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
    rope_parameters: await ropeOf(fields, { name, headDim }),
    bos_token_id: fields.number('tokenizer.ggml.bos_token_id') ?? null,
    eos_token_id: fields.number('tokenizer.ggml.eos_token_id') ?? null,
    pad_token_id: fields.number('tokenizer.ggml.padding_token_id') ?? null,
  };
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
