import type { JsonObject, JsonValue } from '@tessera-llm/formats';
import { type ActivationName, type RopeParameters, activations } from '@tessera-llm/layers';
import { z } from 'zod';
import { ModelsError } from './errors';

/** A whole number from 1 to a bound that no real model reaches, so that a hostile file can't ask for the moon. */
export const count = (most = 2 ** 24) => z.int().min(1).max(most);

/** A dropout probability. */
export const probability = z.number().min(0).lt(1);

/** A small number added under a root. */
export const epsilon = z.number().positive().max(1);

/** Ids that end a sequence, as configs hold them. */
export const tokenIds = z.union([z.int().min(0), z.array(z.int().min(0))]).nullish();

/** Names of activations that `layers` has. */
export const activation = z.enum(Object.keys(activations) as [ActivationName, ...ActivationName[]]);

/** Checks a config.json. @throws ModelsError `invalid_config` listing every field that is wrong. */
export function parseConfig<S extends z.ZodType>(schema: S, json: unknown, modelType: string): z.output<S> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ModelsError(
    'invalid_config',
    `[${modelType}] expected a valid config.json, got:\n${z.prettifyError(parsed.error)}`,
    { cause: parsed.error },
  );
}

const positive = z.number().positive();
const original = {
  original_max_position_embeddings: count(2 ** 30)
    .nullish()
    .transform((n) => n ?? undefined),
};
const shared = { rope_theta: positive.default(10000), partial_rotary_factor: positive.max(1).optional() };

/** `rope_parameters` of transformers 5, every scaling that `layers` computes. */
const ropeSchema = z.discriminatedUnion('rope_type', [
  z.object({ rope_type: z.literal('default'), ...shared }),
  z.object({ rope_type: z.literal('linear'), factor: positive, ...shared }),
  z.object({ rope_type: z.literal('dynamic'), factor: positive, ...shared }),
  z.object({
    rope_type: z.literal('yarn'),
    factor: positive,
    attention_factor: positive.nullish(),
    beta_fast: positive.nullish(),
    beta_slow: positive.nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    truncate: z.boolean().optional(),
    ...original,
    ...shared,
  }),
  z.object({
    rope_type: z.literal('llama3'),
    factor: positive,
    low_freq_factor: positive,
    high_freq_factor: positive,
    ...original,
    ...shared,
  }),
  z.object({
    rope_type: z.literal('longrope'),
    short_factor: z.array(positive),
    long_factor: z.array(positive),
    factor: positive.nullish(),
    attention_factor: positive.nullish(),
    ...original,
    ...shared,
  }),
]);

/** The rotary fields of a config.json in the layouts of transformers 4 and 5. */
export const ropeFields = {
  rope_parameters: z.record(z.string(), z.unknown()).nullish(),
  rope_theta: z.number().nullish(),
  rope_scaling: z.record(z.string(), z.unknown()).nullish(),
  partial_rotary_factor: z.number().nullish(),
  original_max_position_embeddings: count(2 ** 30).nullish(),
};

interface RopeFields {
  readonly rope_parameters?: Readonly<Record<string, unknown>> | null | undefined;
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: Readonly<Record<string, unknown>> | null | undefined;
  readonly partial_rotary_factor?: number | null | undefined;
  readonly original_max_position_embeddings?: number | null | undefined;
}

/**
 * One `rope_parameters` from either layout: transformers 5 has the object, 4 has `rope_theta` and `rope_scaling` (null,
 * or `{rope_type, …}`, in older files `{type, …}`) at the top level. As in transformers, a `rope_scaling` with fields takes
 * the place of `rope_parameters`, and `original_max_position_embeddings` at the top level that of the one inside.
 *
 * @throws ModelsError `invalid_config`
 */
export function ropeParameters(fields: RopeFields, modelType: string): RopeParameters {
  const { rope_scaling: scaling, original_max_position_embeddings: original } = fields;
  const hasScaling = scaling != null && Object.keys(scaling).length > 0;
  const { type, ...rest } = (hasScaling ? scaling : fields.rope_parameters) ?? {};
  const named = rest.rope_type ?? type ?? 'default';
  const theta = rest.rope_theta ?? fields.rope_theta ?? undefined;
  const partial = rest.partial_rotary_factor ?? fields.partial_rotary_factor ?? undefined;
  const json = {
    ...rest,
    ...(original != null && { original_max_position_embeddings: original }),
    rope_type: named === 'su' ? 'longrope' : named,
    rope_theta: theta,
    partial_rotary_factor: partial,
  };
  return parseConfig(ropeSchema, json, `${modelType} rope_parameters`);
}

/** The rotary fields as both layouts have them. */
export function ropeJson(parameters: RopeParameters): JsonObject {
  const { rope_theta, ...scaling } = parameters;
  return {
    rope_parameters: toJson(parameters),
    rope_theta,
    rope_scaling: parameters.rope_type === 'default' ? null : toJson(scaling),
  };
}

/** A configuration as JSON: what is undefined is left out. */
export function toJson(config: object): JsonObject {
  // A value that survives JSON.parse(JSON.stringify()) is a JsonObject by construction.
  const json: JsonValue = JSON.parse(JSON.stringify(config));
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonObject;
  throw new ModelsError('invalid_config', '[config] expected an object of JSON values');
}
