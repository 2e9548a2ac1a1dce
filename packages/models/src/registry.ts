import type { Architecture } from './architecture';
import { ModelsError } from './errors';
import { gpt2 } from './gpt2';
import { llama } from './llama';

/** The `model_type`s of config.json that this package implements. */
export type ModelType = 'gpt2' | 'llama';

/** Every architecture by its `model_type`, as `createModel` and `open` look them up. */
export const architectures: Readonly<Record<ModelType, Architecture>> = { gpt2, llama };

/**
 * True for a `model_type` that this package implements.
 *
 * @example
 * ```ts
 * import { isModelType } from '@tessera-llm/models';
 * console.log(isModelType('llama'), isModelType('t5')); // true false
 * ```
 */
export function isModelType(value: unknown): value is ModelType {
  return typeof value === 'string' && Object.hasOwn(architectures, value);
}

/** @throws ModelsError `unsupported_architecture` naming what there is and what came. */
export function architectureOf(modelType: unknown): Architecture {
  if (isModelType(modelType)) return architectures[modelType];
  throw new ModelsError(
    'unsupported_architecture',
    `[models] expected a model_type of ${Object.keys(architectures).join(', ')}, got ${JSON.stringify(modelType)}`,
  );
}

/** @throws ModelsError `wrong_architecture` if the tensors are those of another architecture than `modelType`. */
export function checkArchitecture(modelType: string, keys: ReadonlySet<string>): void {
  if (architectureOf(modelType).recognizes(keys)) return;
  const found = Object.entries(architectures).find(([, architecture]) => architecture.recognizes(keys));
  const some = [...keys].slice(0, 3).join(', ');
  throw new ModelsError(
    'wrong_architecture',
    `[models] expected the tensors of a ${modelType} checkpoint, as config.json says, got ` +
      `${found === undefined ? 'those of an unknown architecture' : `those of ${found[0]}`} (${some}, …)`,
  );
}
