import { LayersError } from '../errors';
import type { Module } from '../module';
import { type AdaptableLayer, isAdaptable } from './adaptable';
import { type LoraConfig, isAllLinear } from './config';
import { wholePattern } from './pattern';

/** A layer that an adapter changes, with what the configuration says of it. */
export interface Target {
  /** Path of the layer in the model. */
  readonly path: string;
  readonly layer: AdaptableLayer;
  /** R */
  readonly rank: number;
  /** s of y + s (x Aᵀ) Bᵀ. */
  readonly scale: number;
}

/** A module tree that has an output head, which adapters leave alone: any `CausalLM`. */
export interface AdaptedModel extends Module {
  readonly head: { readonly weight: unknown };
}

/**
 * The layers that a configuration names, in the order of the model.
 *
 * @throws LayersError `adapter_config` if it names none, or one that can't have an adapter.
 */
export function targetsOf(model: AdaptedModel, config: LoraConfig): Target[] {
  const matches = matcher(config);
  const excluded = exclusion(config);
  const rankOf = byPattern('rank_pattern', config.rank_pattern, config.r);
  const alphaOf = byPattern('alpha_pattern', config.alpha_pattern, config.lora_alpha);
  const targets: Target[] = [];
  const all = isAllLinear(config.target_modules);
  for (const [path, layer] of model.namedModules()) {
    if (path === '' || !matches(path) || excluded(path)) continue;
    const isHead = isAdaptable(layer) && layer.weight === model.head.weight;
    if (all && (isHead || !isAdaptable(layer))) continue;
    if (isHead || !isAdaptable(layer)) {
      throw new LayersError(
        'adapter_config',
        `[adapter] expected target_modules to name linear layers inside the model, got ${path}, ` +
          (isHead ? 'the output head' : `a ${layer.constructor.name}`),
      );
    }
    const rank = rankOf(path);
    const alpha = alphaOf(path);
    targets.push({ path, layer, rank, scale: alpha / (config.use_rslora ? Math.sqrt(rank) : rank) });
  }
  if (targets.length > 0) return targets;
  throw new LayersError(
    'adapter_config',
    `[adapter] expected target_modules to name layers of the model, got ${JSON.stringify(config.target_modules).slice(0, 200)}, ` +
      `which matches none of ${linearPaths(model).slice(0, 8).join(', ')}, …`,
  );
}

function linearPaths(model: Module): string[] {
  return [...model.namedModules()].filter(([, layer]) => isAdaptable(layer)).map(([path]) => path);
}

const isNamed = (path: string, names: readonly string[]): boolean =>
  names.some((name) => path === name || path.endsWith(`.${name}`));

function matcher(config: LoraConfig): (path: string) => boolean {
  const { target_modules: targets, layers_to_transform: indices, layers_pattern: patterns } = config;
  if (isAllLinear(targets)) return () => true;
  if (typeof targets === 'string') {
    const whole = wholePattern('target_modules', targets);
    return (path) => whole.test(path);
  }
  const wanted = indices === null ? [] : [indices].flat();
  const containers = (patterns === null ? [] : [patterns].flat()) as string[];
  return (path) => {
    if (targets.includes(path)) return true;
    if (!isNamed(path, targets)) return false;
    if (wanted.length === 0) return true;
    const index = layerIndex(path, containers);
    return index !== null && wanted.includes(index);
  };
}

/** The first number in a path, behind one of these containers where there are any. */
function layerIndex(path: string, containers: readonly string[]): number | null {
  const parts = path.split('.');
  for (let i = 1; i + 1 < parts.length; i++) {
    const part = parts[i] ?? '';
    // PEFT wants something before the container unless it is named.
    const found = containers.length === 0 ? i > 1 : containers.includes(parts[i - 1] ?? '');
    if (found && /^\d+$/.test(part)) return Number(part);
  }
  return null;
}

function exclusion({ exclude_modules: names }: LoraConfig): (path: string) => boolean {
  if (names === null) return () => false;
  if (typeof names !== 'string') return (path) => isNamed(path, names);
  const whole = wholePattern('exclude_modules', names);
  return (path) => whole.test(path);
}

function byPattern(
  field: string,
  patterns: Readonly<Record<string, number>>,
  otherwise: number,
): (path: string) => number {
  const entries = Object.entries(patterns).map(([key, value]) => {
    wholePattern(field, key);
    return [new RegExp(`^(?:.*\\.)?(?:${key})$`, 'u'), value] as const;
  });
  return (path) => entries.find(([key]) => key.test(path))?.[1] ?? otherwise;
}
