import type { GgufTensorToWrite, GgufValue, JsonObject } from '@tessera-llm/formats';
import { type RopeParameters, inverseFrequencies } from '@tessera-llm/layers';
import { ModelsError } from '../errors';
import type { GgufHead } from './binding';
import type { GgufFields } from './fields';

/** Fields of YaRN that nothing here computes, with the value at which they change nothing. */
const neutral = { yarn_ext_factor: 1, yarn_attn_factor: 1, yarn_log_multiplier: 0 };

/** What llama.cpp multiplies cos and sin with for YaRN, before `attn_factor`. */
const yarnMagnitude = (factor: number): number => 1 + 0.1 * Math.log(factor);

/** Rotary parameters, as llama.cpp reads them: a factor for every pair where the file has a tensor of them, else the scaling of the metadata. */
export async function ropeOf(
  fields: GgufFields,
  { name, headDim }: { readonly name: string; readonly headDim: number },
): Promise<JsonObject> {
  const number = (field: string): number | undefined => fields.number(`${name}.rope.${field}`);
  const rope_theta = number('freq_base') ?? 10000;
  const original = number('scaling.original_context_length');
  const originally = original === undefined ? {} : { original_max_position_embeddings: original };
  // A file that names no type is linear, and 0 stands for 1. Files of before 2023-10 call the factor scale_linear.
  const named = fields.string(`${name}.rope.scaling.type`);
  const type = named ?? 'linear';
  const factor = type === 'none' ? 1 : (number('scaling.factor') ?? number('scale_linear')) || 1;
  const attention = number('scaling.attn_factor') ?? 1;
  const same = await fields.floats('rope_freqs.weight');
  const short = same ?? (await fields.floats('rope_factors_short.weight'));
  if (type === 'yarn' && (short === undefined || factor !== 1)) {
    if (short !== undefined) throw fields.wrong(`${name}.rope.scaling.type`, 'none or linear beside factors', type);
    for (const [field, value] of Object.entries(neutral)) {
      const got = number(`scaling.${field}`) ?? value;
      if (got !== value) throw fields.wrong(`${name}.rope.scaling.${field}`, `${value}`, got);
    }
    const [fast, slow] = [number('scaling.yarn_beta_fast'), number('scaling.yarn_beta_slow')];
    return {
      rope_type: 'yarn',
      rope_theta,
      factor,
      ...(attention === 1 && factor >= 1 ? {} : { attention_factor: attention * yarnMagnitude(factor) }),
      ...(fast === undefined ? {} : { beta_fast: fast }),
      ...(slow === undefined ? {} : { beta_slow: slow }),
      ...originally,
    };
  }
  if (short !== undefined || (attention !== 1 && (type === 'none' || type === 'linear'))) {
    const ones = (): number[] => new Array<number>(headDim / 2).fill(1);
    const long = same ?? (await fields.floats('rope_factors_long.weight')) ?? short ?? ones();
    return {
      rope_type: 'longrope',
      rope_theta,
      short_factor: (short ?? ones()).map((f) => f * factor),
      long_factor: long.map((f) => f * factor),
      attention_factor: attention,
      ...originally,
    };
  }
  if (type === 'none' || (named === undefined && factor === 1)) return { rope_type: 'default', rope_theta };
  if (type === 'linear') return { rope_type: 'linear', rope_theta, factor };
  throw fields.wrong(`${name}.rope.scaling.type`, 'none, linear or yarn, or factors beside it', type);
}

/** What the format says of rotary scalings. Llama 3's is stored as a factor for each pair. */
export function writtenRope(
  rope: RopeParameters,
  context: { readonly headDim: number; readonly maxPositionEmbeddings: number },
): GgufHead {
  if ((rope.partial_rotary_factor ?? 1) !== 1) throw lacks('whole heads to be rotated', 'a part of them');
  switch (rope.rope_type) {
    case 'default':
      return { metadata: [], tensors: [] };
    case 'linear':
      return { metadata: scaling('linear', rope.factor), tensors: [] };
    case 'yarn': {
      if ((rope.beta_fast || 32) !== 32 || (rope.beta_slow || 1) !== 1 || rope.truncate === false) {
        throw lacks('yarn with its usual ramp', 'another');
      }
      const attention = inverseFrequencies(rope, context).attentionFactor / yarnMagnitude(rope.factor);
      return { metadata: [...scaling('yarn', rope.factor), ...originally(rope), ...factorOf(attention)], tensors: [] };
    }
    case 'llama3': {
      const plain = inverseFrequencies({ rope_type: 'default', rope_theta: rope.rope_theta }, context).inverse;
      const scaled = inverseFrequencies(rope, context).inverse;
      const freqs = plain.map((f, i) => f / (scaled[i] ?? f));
      return { metadata: [], tensors: [factors('rope_freqs.weight', freqs)] };
    }
    case 'longrope': {
      const { short_factor: short, long_factor: long } = rope;
      // The format has no rule for it: what the file doesn't say is 1.
      const attention = inverseFrequencies(rope, context).attentionFactor;
      const same = short.every((factor, i) => factor === long[i]);
      if (same && attention === 1) return { metadata: [], tensors: [factors('rope_freqs.weight', short)] };
      return {
        metadata: [...scaling('longrope'), ...originally(rope), ...factorOf(attention)],
        tensors: [factors('rope_factors_long.weight', long), factors('rope_factors_short.weight', short)],
      };
    }
    case 'dynamic':
      throw lacks('a rotary scaling that GGUF files can hold', 'dynamic');
  }
}

type Field = readonly [string, GgufValue];

function scaling(type: string, factor?: number): Field[] {
  const named: Field = ['rope.scaling.type', { type: 'string', value: type }];
  return factor === undefined ? [named] : [named, ['rope.scaling.factor', { type: 'float32', value: factor }]];
}

function originally({
  original_max_position_embeddings: length,
}: {
  original_max_position_embeddings?: number | undefined;
}): Field[] {
  return length === undefined ? [] : [['rope.scaling.original_context_length', { type: 'uint32', value: length }]];
}

function factorOf(attention: number): Field[] {
  return Math.abs(attention - 1) < 1e-9 ? [] : [['rope.scaling.attn_factor', { type: 'float32', value: attention }]];
}

function factors(tensor: string, values: ArrayLike<number>): [string, GgufTensorToWrite] {
  const floats = Float32Array.from(values);
  return [tensor, { type: 'F32', shape: [floats.length], bytes: new Uint8Array(floats.buffer) }];
}

export function lacks(expected: string, got: string): ModelsError {
  return new ModelsError('unsupported_architecture', `[save] expected ${expected} for a GGUF file, got ${got}`);
}
