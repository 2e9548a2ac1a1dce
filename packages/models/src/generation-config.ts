import { z } from 'zod';
import { tokenIds } from './config';
import { ModelsError } from './errors';

const schema = z.looseObject({
  bos_token_id: z.int().min(0).nullish(),
  eos_token_id: tokenIds,
  pad_token_id: z.int().nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().min(0).nullish(),
  top_k: z.int().min(0).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  max_new_tokens: z.int().min(1).nullish(),
});

/**
 * generation_config.json: how a model's authors would have it sampled. Fields have its own names; those that are not
 * known come along as they are.
 */
export type GenerationConfig = z.output<typeof schema>;

/** Checks a generation_config.json; an absent one is empty. @throws ModelsError `invalid_config` */
export function parseGenerationConfig(where: string, json: unknown): GenerationConfig {
  const parsed = schema.safeParse(json ?? {});
  if (parsed.success) return parsed.data;
  throw new ModelsError(
    'invalid_config',
    `[${where}] expected a valid generation_config.json, got:\n${z.prettifyError(parsed.error)}`,
    { cause: parsed.error },
  );
}

/** Ids of a config field that holds one, several or none. */
export function idList(ids: unknown): number[] {
  const parsed = tokenIds.safeParse(ids);
  return parsed.success ? [parsed.data ?? []].flat() : [];
}
