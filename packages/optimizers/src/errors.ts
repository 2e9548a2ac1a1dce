const brand = Symbol.for('tessera.optimizers.error');

/**
 * What went wrong, as a stable word to switch on.
 *
 * - `invalid_setting`: a hyper-parameter is not a number in its range, or not one of this optimizer's
 * - `invalid_parameters`: no parameters, one twice, or one that this optimizer cannot update
 * - `invalid_gradient`: a gradient for an unknown parameter, or of another shape or dtype
 * - `invalid_state`: a saved state does not fit these parameters
 */
export type OptimizerErrorCode = 'invalid_setting' | 'invalid_parameters' | 'invalid_gradient' | 'invalid_state';

/**
 * The one error class of this package; `code` says what kind it is, the message what was expected and what came.
 *
 * @example
 * ```ts
 * import { AdamW, OptimizerError } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * try {
 *   new AdamW({ w: parameter(tensor([1])) }, { lr: -1 });
 * } catch (error) {
 *   console.log(error instanceof OptimizerError && error.code); // 'invalid_setting'
 * }
 * ```
 */
export class OptimizerError extends Error {
  readonly code: OptimizerErrorCode;
  readonly [brand] = true;

  constructor(code: OptimizerErrorCode, message: string) {
    super(message);
    this.name = 'OptimizerError';
    this.code = code;
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** A range with its name for messages: `[0, 1)` and the like, as a test and a text. */
interface Range {
  readonly text: string;
  readonly holds: (value: number) => boolean;
}

/** Ranges of hyper-parameters. NaN lies in none, infinity in none. */
export const ranges = {
  nonNegative: { text: 'a finite number >= 0', holds: (x) => x >= 0 && Number.isFinite(x) },
  positive: { text: 'a finite number > 0', holds: (x) => x > 0 && Number.isFinite(x) },
  finite: { text: 'a finite number', holds: Number.isFinite },
  decay: { text: 'a number in [0, 1)', holds: (x) => x >= 0 && x < 1 },
  unit: { text: 'a number in [0, 1]', holds: (x) => x >= 0 && x <= 1 },
  whole: { text: 'a whole number >= 0', holds: (x) => Number.isSafeInteger(x) && x >= 0 },
} as const satisfies Record<string, Range>;

/**
 * Throws `invalid_setting` for a field that is not known: a misspelled option would go unnoticed, and its default be
 * used. Fields of undefined count as absent.
 */
export function checkKnown(
  op: string,
  what: string,
  given: unknown,
  known: readonly string[],
): asserts given is object {
  if (typeof given !== 'object' || given === null) {
    throw new OptimizerError('invalid_setting', `[${op}] expected ${what} as an object, got ${String(given)}`);
  }
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || known.includes(key)) continue;
    throw new OptimizerError('invalid_setting', `[${op}] expected ${what} among ${known.join(', ')}, got ${key}`);
  }
}

/** Throws `invalid_setting` unless the value lies in the range. */
export function checkSetting(op: string, name: string, value: number, range: Range): void {
  if (typeof value !== 'number' || !range.holds(value)) {
    throw new OptimizerError('invalid_setting', `[${op}] expected ${name} to be ${range.text}, got ${value}`);
  }
}
