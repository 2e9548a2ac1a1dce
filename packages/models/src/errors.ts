/** What went wrong, for programs; the message is for people. */
export type ModelsErrorCode =
  /** A config.json with a wrong or contradictory field. */
  | 'invalid_config'
  /** A model_type that this package lacks, or something of an architecture that it or the GGUF format lacks. */
  | 'unsupported_architecture'
  /** Weights that belong to another architecture than config.json says. */
  | 'wrong_architecture'
  /** Weights that lack tensors, hold unknown ones, or have other shapes than the configuration asks for. */
  | 'invalid_checkpoint'
  /** Weights stored in a dtype that can't be loaded. */
  | 'unsupported_dtype'
  /** Options with unknown values, that contradict each other, or that a file's format lacks. */
  | 'invalid_option';

const brand = Symbol.for('tessera.models.error');

/**
 * Every error that this package throws on purpose. Files that can't be read or aren't well formed throw the
 * FormatsError of `@tessera-llm/formats`.
 *
 * @example
 * ```ts
 * import { ModelsError, createModel } from '@tessera-llm/models';
 * try {
 *   createModel({ model_type: 'llama', num_attention_heads: 3, num_key_value_heads: 2 }, { seed: 1 });
 * } catch (error) {
 *   console.log(error instanceof ModelsError && error.code); // 'invalid_config'
 * }
 * ```
 */
export class ModelsError extends Error {
  readonly code: ModelsErrorCode;
  readonly [brand] = true;

  constructor(code: ModelsErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ModelsError';
    this.code = code;
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/**
 * That an option has one of its values, for callers without types: an unknown one would be ignored, or fail in the
 * middle of a step.
 *
 * @throws ModelsError `invalid_option`
 */
export function expectChoice(option: string, value: unknown, choices: readonly unknown[]): void {
  if (value === undefined || choices.includes(value)) return;
  const expected = choices.map((choice) => `'${choice}'`).join(' or ');
  throw new ModelsError('invalid_option', `[models] expected ${option} ${expected}, got ${JSON.stringify(value)}`);
}
