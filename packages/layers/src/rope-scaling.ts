import { LayersError } from './errors';

interface RopeBase {
  /** theta, the base of the wavelengths; 10000 in the paper. */
  readonly rope_theta: number;
  /** Part of each head that is rotated, R = floor(D · part); default 1. */
  readonly partial_rotary_factor?: number | undefined;
}

/**
 * `rope_parameters` as config.json of transformers 5 holds them. `original_max_position_embeddings` is the length
 * before a scaling, by default the model's `max_position_embeddings`.
 */
export type RopeParameters = RopeBase &
  (
    | { readonly rope_type: 'default' }
    /** Positions divided by `factor`. */
    | { readonly rope_type: 'linear'; readonly factor: number }
    /**
     * The base grows with the length L beyond M = max_position_embeddings: theta (factor L / M - factor + 1)^(R/(R-2)).
     */
    | { readonly rope_type: 'dynamic'; readonly factor: number }
    /**
     * YaRN (Peng et al. 2023, arXiv:2309.00071): pairs that turn less than `beta_slow` (1) times within the original
     * length are divided by `factor`, those that turn more than `beta_fast` (32) times kept, those between blended by
     * their index, whose bounds are rounded outwards unless `truncate` is false. cos and sin are multiplied by
     * `attention_factor`, by default s(1), or s(mscale) / s(mscale_all_dim) where both are given, with
     * s(m) = 0.1 m ln(factor) + 1, and 1 for factors up to 1.
     */
    | {
        readonly rope_type: 'yarn';
        readonly factor: number;
        readonly original_max_position_embeddings?: number | undefined;
        readonly attention_factor?: number | null | undefined;
        readonly beta_fast?: number | null | undefined;
        readonly beta_slow?: number | null | undefined;
        readonly mscale?: number | null | undefined;
        readonly mscale_all_dim?: number | null | undefined;
        readonly truncate?: boolean | undefined;
      }
    /**
     * Llama 3.1: pairs that turn less than `low_freq_factor` times within the original length are divided by `factor`,
     * those that turn more than `high_freq_factor` times kept, those between blended.
     */
    | {
        readonly rope_type: 'llama3';
        readonly factor: number;
        readonly low_freq_factor: number;
        readonly high_freq_factor: number;
        readonly original_max_position_embeddings?: number | undefined;
      }
    /**
     * LongRoPE (Ding et al. 2024, arXiv:2402.13753): a divisor for each of the R/2 pairs, the long ones for documents
     * longer than the original length o. cos and sin are multiplied by `attention_factor`, by default
     * sqrt(1 + ln(factor) / ln(o)), or 1 where `factor`, by default max_position_embeddings / o, is at most 1.
     */
    | {
        readonly rope_type: 'longrope';
        readonly short_factor: readonly number[];
        readonly long_factor: readonly number[];
        readonly factor?: number | null | undefined;
        readonly attention_factor?: number | null | undefined;
        readonly original_max_position_embeddings?: number | undefined;
      }
  );

/** What the frequencies depend on beside the parameters. */
export interface RopeContext {
  /** D */
  readonly headDim: number;
  /** `max_position_embeddings` of a config. */
  readonly maxPositionEmbeddings: number;
  /** Length of the document, for dynamic and longrope; default: short enough to change nothing. */
  readonly length?: number;
}

/** Frequencies of the pairs and the factor of cos and sin. */
export interface RopeFrequencies {
  /** (R/2), radians per position. */
  readonly inverse: Float32Array;
  /** Multiplies cos and sin; 1 but for yarn and longrope. */
  readonly attentionFactor: number;
}

/**
 * Inverse frequencies theta^(-2i/R) of the R/2 pairs, scaled as `rope_type` says, as transformers'
 * `ROPE_INIT_FUNCTIONS`.
 *
 * @throws LayersError `value` for a theta or factor that is not above 0, an odd rotated width, and lists of other than
 *   R/2 entries.
 *
 * @example
 * ```ts
 * import { inverseFrequencies } from '@tessera-llm/layers';
 * const { inverse } = inverseFrequencies(
 *   { rope_type: 'linear', rope_theta: 10000, factor: 4 },
 *   { headDim: 4, maxPositionEmbeddings: 64 },
 * );
 * console.log(inverse); // [0.25, 0.0025]
 * ```
 */
export function inverseFrequencies(parameters: RopeParameters, context: RopeContext): RopeFrequencies {
  const { rope_theta: theta, partial_rotary_factor: partial = 1 } = parameters;
  const dim = Math.floor(context.headDim * partial);
  if (!(theta > 0) || dim < 2 || dim % 2 !== 0 || dim > context.headDim) {
    throw new LayersError(
      'value',
      `[rope] expected rope_theta above 0 and an even rotated width from 2 to ${context.headDim}, got ${theta} and ${dim}`,
    );
  }
  const max = context.maxPositionEmbeddings;
  switch (parameters.rope_type) {
    case 'default':
      return { inverse: Float32Array.from(powers(theta, dim)), attentionFactor: 1 };
    case 'linear': {
      const factor = positive('factor', parameters.factor);
      return { inverse: Float32Array.from(powers(theta, dim), (f) => f / factor), attentionFactor: 1 };
    }
    case 'dynamic': {
      const factor = positive('factor', parameters.factor);
      const length = Math.max(context.length ?? 0, max);
      const base = theta * ((factor * length) / max - (factor - 1)) ** (dim / (dim - 2));
      return { inverse: Float32Array.from(powers(base, dim)), attentionFactor: 1 };
    }
    case 'yarn':
      return yarn(parameters, dim, max);
    case 'llama3':
      return llama3(parameters, dim, max);
    case 'longrope':
      return longrope(parameters, dim, context);
  }
}

type Of<K extends RopeParameters['rope_type']> = Extract<RopeParameters, { rope_type: K }>;

function powers(theta: number, dim: number): number[] {
  return Array.from({ length: dim / 2 }, (_, i) => theta ** ((-2 * i) / dim));
}

function positive(name: string, x: number): number {
  if (!(x > 0) || !Number.isFinite(x)) {
    throw new LayersError('value', `[rope] expected ${name} above 0, got ${x}`);
  }
  return x;
}

function yarn(p: Of<'yarn'>, dim: number, max: number): RopeFrequencies {
  const factor = positive('factor', p.factor);
  const original = p.original_max_position_embeddings ?? max;
  const magnitude = (scale: number, m = 1): number => (scale <= 1 ? 1 : 0.1 * m * Math.log(scale) + 1);
  const attentionFactor =
    p.attention_factor ??
    (p.mscale && p.mscale_all_dim
      ? magnitude(factor, p.mscale) / magnitude(factor, p.mscale_all_dim)
      : magnitude(factor));
  // The pair that turns `rotations` times within the original length.
  const pairOf = (rotations: number): number =>
    (dim * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(p.rope_theta));
  const rounded = p.truncate ?? true;
  const lowPair = pairOf(p.beta_fast || 32);
  const highPair = pairOf(p.beta_slow || 1);
  const low = Math.max(rounded ? Math.floor(lowPair) : lowPair, 0);
  let high = Math.min(rounded ? Math.ceil(highPair) : highPair, dim - 1);
  if (low === high) high += 0.001;
  const inverse = powers(p.rope_theta, dim).map((f, i) => {
    const ramp = Math.min(Math.max((i - low) / (high - low), 0), 1);
    return (f / factor) * ramp + f * (1 - ramp);
  });
  return { inverse: Float32Array.from(inverse), attentionFactor };
}

function llama3(p: Of<'llama3'>, dim: number, max: number): RopeFrequencies {
  const factor = positive('factor', p.factor);
  const original = p.original_max_position_embeddings ?? max;
  const { low_freq_factor: low, high_freq_factor: high } = p;
  if (!(low < high)) {
    throw new LayersError('value', `[rope] expected low_freq_factor below high_freq_factor, got ${low} and ${high}`);
  }
  const inverse = powers(p.rope_theta, dim).map((f) => {
    const turns = (original * f) / (2 * Math.PI); // within the original length
    if (turns < low) return f / factor;
    if (turns > high) return f;
    const smooth = (turns - low) / (high - low);
    return ((1 - smooth) * f) / factor + smooth * f;
  });
  return { inverse: Float32Array.from(inverse), attentionFactor: 1 };
}

function longrope(p: Of<'longrope'>, dim: number, context: RopeContext): RopeFrequencies {
  const original = p.original_max_position_embeddings ?? context.maxPositionEmbeddings;
  const factor = p.factor ?? context.maxPositionEmbeddings / original;
  const attentionFactor =
    p.attention_factor ?? (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)));
  positive('attention_factor', attentionFactor);
  // Both: the long one would fail at the first long document.
  for (const name of ['short_factor', 'long_factor'] as const) {
    if (p[name].length !== dim / 2) {
      throw new LayersError('value', `[rope] expected ${dim / 2} entries in ${name}, got ${p[name].length}`);
    }
    for (const factor of p[name]) positive(name, factor);
  }
  const factors = (context.length ?? 0) > original ? p.long_factor : p.short_factor;
  const inverse = powers(p.rope_theta, dim).map((f, i) => f / (factors[i] as number));
  return { inverse: Float32Array.from(inverse), attentionFactor };
}
