import { LayersError } from '../errors';
import { wholePattern } from './pattern';

/**
 * Settings of a LoRA adapter: the fields of PEFT's adapter_config.json that are applied here, under their names, checked and
 * with nothing left open. Fields that describe the file (`base_model_name_or_path`, `task_type`, …) come along as they are.
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
   * Learn the length of every output's weights apart from their direction (Liu et al. 2024, arXiv:2402.09353); false. The
   * length of W + s B A is made anew in every pass; no gradient flows through it. It takes no lora_dropout.
   */
  readonly use_dora: boolean;
  /**
   * Which layers: a list of names, each a whole module path or its end after a dot; a regular expression of the whole path;
   * or `'all-linear'`, every linear layer but the output head.
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

const defaults = {
  r: 8,
  lora_alpha: 8,
  lora_dropout: 0,
  use_rslora: false,
  use_dora: false,
  exclude_modules: null,
  layers_to_transform: null,
  layers_pattern: null,
  rank_pattern: {},
  alpha_pattern: {},
  init_lora_weights: true,
  fan_in_fan_out: false,
  bias: 'none',
} as const;

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

const atMost = 2 ** 16;

type Check = (value: unknown) => string | null;
const isList = (value: unknown, item: (x: unknown) => boolean): boolean => Array.isArray(value) && value.every(item);
const isString = (value: unknown): boolean => typeof value === 'string';
const isIndex = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isRank = (value: unknown): boolean =>
  Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= atMost;
const isAlpha = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value > 0;
const wants =
  (what: string, holds: (value: unknown) => boolean): Check =>
  (value) =>
    holds(value) ? null : what;
const isBoolean = wants('true or false', (v) => typeof v === 'boolean');
const isRecord = (value: unknown, item: (x: unknown) => boolean): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(item);
const names = (value: unknown): boolean => isString(value) || isList(value, isString);

const checks: Readonly<Record<string, Check>> = {
  peft_type: wants("'LORA'", (v) => v === 'LORA'),
  r: wants(`a whole number from 1 to ${atMost}`, isRank),
  lora_alpha: wants('a number above 0', isAlpha),
  lora_dropout: wants('a number from 0 to below 1', (v) => typeof v === 'number' && v >= 0 && v < 1),
  use_rslora: isBoolean,
  use_dora: isBoolean,
  target_modules: wants('a list of names or a string', (v) => names(v) && (!Array.isArray(v) || v.length > 0)),
  exclude_modules: wants('null, a list of names or a string', (v) => v === null || names(v)),
  layers_to_transform: wants(
    'null, an index or a list of indices',
    (v) => v === null || isIndex(v) || isList(v, isIndex),
  ),
  layers_pattern: wants('null, a name or a list of names', (v) => v === null || names(v)),
  rank_pattern: wants('whole numbers from 1 by pattern', (v) => isRecord(v, isRank)),
  alpha_pattern: wants('numbers above 0 by pattern', (v) => isRecord(v, isAlpha)),
  init_lora_weights: wants("true, false or 'gaussian'", (v) => typeof v === 'boolean' || v === 'gaussian'),
  fan_in_fan_out: isBoolean,
  bias: wants("'none'", (v) => v === 'none'),
};

/**
 * Checks the fields of an adapter_config.json and fills in PEFT's defaults.
 *
 * @throws LayersError `adapter_config` for a wrong value, and for every field that PEFT knows, or some later version of it
 *   will, and that would change the result but is not applied here (`modules_to_save`, trained biases, …): it must be null, false or
 *   empty. Nothing is ignored silently.
 *
 * @example
 * ```ts
 * import { loraConfig } from '@tessera-llm/layers';
 * console.log(loraConfig({ peft_type: 'LORA', target_modules: ['q_proj'], r: 4 }).lora_alpha); // 8
 * ```
 */
export function loraConfig(fields: Readonly<Record<string, unknown>>): LoraConfig {
  const config: Record<string, unknown> = { peft_type: 'LORA' };
  for (const [field, fallback] of Object.entries(defaults)) config[field] = fallback;
  for (const [field, value] of Object.entries(fields)) {
    const check = checks[field];
    if (check !== undefined) {
      // PEFT writes null where a field was never set.
      if (value === undefined || (value === null && Object.hasOwn(defaults, field))) continue;
      const wanted = check(value);
      if (wanted !== null) throw invalid(field, wanted, value);
    } else if (!descriptive.has(field) && !isEmpty(value)) {
      throw invalid(field, 'null, false or nothing, because it is not applied here', value);
    }
    config[field] = value;
  }
  const { target_modules: targets, layers_to_transform: layers, layers_pattern: pattern } = config;
  if (targets === undefined) throw invalid('target_modules', 'a list of names or a string', targets);
  if (config.use_dora === true && config.lora_dropout !== 0) {
    throw invalid('lora_dropout', '0 where use_dora is true', config.lora_dropout);
  }
  if (typeof targets === 'string' && layers !== null) {
    throw invalid('layers_to_transform', 'null where target_modules is a string', layers);
  }
  if (layers === null && pattern !== null && !isEmpty(pattern)) {
    throw invalid('layers_pattern', 'null where layers_to_transform is null', pattern);
  }
  for (const field of ['target_modules', 'exclude_modules'] as const) {
    const value = config[field];
    if (typeof value === 'string' && !isAllLinear(value)) wholePattern(field, value);
  }
  // Every field of the interface was checked above.
  return config as unknown as LoraConfig;
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
