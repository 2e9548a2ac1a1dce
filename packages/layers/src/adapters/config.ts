import { z } from 'zod';
import { LayersError } from '../errors';
import { wholePattern } from './pattern';

/**
 * Settings of a LoRA adapter: the fields of PEFT's adapter_config.json that are applied here, under their names,
 * checked and with nothing left open. Fields that describe the file (`base_model_name_or_path`, `task_type`, …) come
 * along as they are.
 */
export interface LoraConfig {
  readonly peft_type: 'LORA';
  /** R, the inner width; 8. */
  readonly r: number;
  /** The update is scaled by lora_alpha / r; 8. */
  readonly lora_alpha: number;
  /** Probability of dropping an element of the adapter's input in training; 0. */
  readonly lora_dropout: number;
  /** Scale by lora_alpha / √r instead (Kalajdzievski 2023, arXiv:2312.03732); false. */
  readonly use_rslora: boolean;
  /**
   * Learn the length of every output's weights apart from their direction (Liu et al. 2024, arXiv:2402.09353); false.
   * The length of W + s B A is made anew in every pass; no gradient flows through it. It takes no lora_dropout.
   */
  readonly use_dora: boolean;
  /**
   * Which layers: a list of names, each a whole module path or its end after a dot; a regular expression of the whole
   * path; or `'all-linear'`, every linear layer but the output head.
   */
  readonly target_modules: string | readonly string[];
  /** Layers that are left out though they are targets: a list or a regular expression, as above; null. */
  readonly exclude_modules: string | readonly string[] | null;
  /** With a list of names: only layers of these indices; null: all. */
  readonly layers_to_transform: number | readonly number[] | null;
  /** Name of the list of layers before the index (`layers`, `h`); null: any. */
  readonly layers_pattern: string | readonly string[] | null;
  /** R of layers whose path ends with a match of the key, a regular expression; the first match holds. */
  readonly rank_pattern: Readonly<Record<string, number>>;
  /** lora_alpha of layers, as rank_pattern. */
  readonly alpha_pattern: Readonly<Record<string, number>>;
  /** New adapters: true: A uniform as a linear layer's weight, B zero; 'gaussian': A normal with deviation 1 / r. */
  readonly init_lora_weights: boolean | 'gaussian';
  /** True where the layers store (in, out), as GPT-2's do. */
  readonly fan_in_fan_out: boolean;
  /** Biases stay as they are. */
  readonly bias: 'none';
  readonly [field: string]: unknown;
}

/** What `createAdapter` takes: `target_modules`, and whatever else differs from PEFT's defaults. */
export interface LoraConfigInput extends Partial<LoraConfig> {
  readonly target_modules: string | readonly string[];
}

const maxRank = 2 ** 16;
const rank = z.int().min(1).max(maxRank);
const alpha = z.number().positive();
const index = z.int().min(0);
const names = z.union([z.string(), z.array(z.string())]);

/** A field with a default, for which PEFT also writes null where it was never set. */
const orElse = <T extends z.ZodType>(type: T, fallback: z.output<T>) =>
  type.nullish().transform((value): z.output<T> => value ?? fallback);
const flag = orElse(z.boolean(), false).describe('true or false');

/** What is applied here. The description is what an error says that it expected. */
const schema = z.looseObject({
  peft_type: z.literal('LORA').default('LORA').describe("'LORA'"),
  r: orElse(rank, 8).describe(`a whole number from 1 to ${maxRank}`),
  lora_alpha: orElse(alpha, 8).describe('a number above 0'),
  lora_dropout: orElse(z.number().min(0).lt(1), 0).describe('a number from 0 to below 1'),
  use_rslora: flag,
  use_dora: flag,
  target_modules: z.union([z.string(), z.array(z.string()).min(1)]).describe('a list of names or a string'),
  exclude_modules: names.nullable().default(null).describe('null, a list of names or a string'),
  layers_to_transform: z
    .union([index, z.array(index)])
    .nullable()
    .default(null)
    .describe('null, an index or a list of indices'),
  layers_pattern: names.nullable().default(null).describe('null, a name or a list of names'),
  rank_pattern: orElse(z.record(z.string(), rank), {}).describe('whole numbers from 1 by pattern'),
  alpha_pattern: orElse(z.record(z.string(), alpha), {}).describe('numbers above 0 by pattern'),
  init_lora_weights: orElse(z.union([z.boolean(), z.literal('gaussian')]), true).describe("true, false or 'gaussian'"),
  fan_in_fan_out: flag,
  bias: orElse(z.literal('none'), 'none').describe("'none'"),
});
const applied: ReadonlyMap<string, z.ZodType> = new Map(Object.entries(schema.shape));

/** Fields that say where a file comes from, or that only count together with one that is refused. */
const descriptive = new Set([
  'auto_mapping',
  'base_model_name_or_path',
  'inference_mode',
  'loftq_config',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
  'runtime_config',
  'task_type',
]);

/**
 * Checks the fields of an adapter_config.json and fills in PEFT's defaults.
 *
 * @throws LayersError `adapter_config` for a wrong value, and for every field that PEFT knows, or some later version of
 *   it will, and that would change the result but is not applied here (`modules_to_save`, trained biases, …): it must
 *   be null, false or empty. Nothing is ignored silently.
 *
 * @example
 * ```ts
 * import { loraConfig } from '@tessera-llm/layers';
 * console.log(loraConfig({ peft_type: 'LORA', target_modules: ['q_proj'], r: 4 }).lora_alpha); // 8
 * ```
 */
export function loraConfig(fields: Readonly<Record<string, unknown>>): LoraConfig {
  for (const [field, value] of Object.entries(fields)) {
    if (!applied.has(field) && !descriptive.has(field) && !isEmpty(value)) {
      throw invalid(field, 'null, false or nothing, because it is not applied here', value);
    }
  }
  const parsed = schema.safeParse(fields);
  if (!parsed.success) {
    const field = String(parsed.error.issues[0]?.path[0]);
    throw invalid(field, applied.get(field)?.description ?? parsed.error.message, fields[field]);
  }
  const config = parsed.data;
  if (config.use_dora && config.lora_dropout !== 0) {
    throw invalid('lora_dropout', '0 where use_dora is true', config.lora_dropout);
  }
  const { target_modules: targets, layers_to_transform: layers, layers_pattern: pattern } = config;
  if (typeof targets === 'string' && layers !== null) {
    throw invalid('layers_to_transform', 'null where target_modules is a string', layers);
  }
  if (layers === null && !isEmpty(pattern)) {
    throw invalid('layers_pattern', 'null where layers_to_transform is null', pattern);
  }
  for (const field of ['target_modules', 'exclude_modules'] as const) {
    const value = config[field];
    if (typeof value === 'string' && !isAllLinear(value)) wholePattern(field, value);
  }
  return config;
}

/** PEFT takes the word in any case. */
export const isAllLinear = (targets: unknown): boolean =>
  typeof targets === 'string' && targets.toLowerCase() === 'all-linear';

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function invalid(field: string, expected: string, got: unknown): LayersError {
  const shown = JSON.stringify(got)?.slice(0, 200) ?? 'nothing';
  return new LayersError('adapter_config', `[adapter] expected ${field} to be ${expected}, got ${shown}`);
}
