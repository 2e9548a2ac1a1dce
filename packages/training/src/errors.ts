/**
 * What went wrong, as a stable word to switch on.
 *
 * - `value`: an argument is out of its range, or an option is not known
 * - `data`: the training or held-out text does not suit the run: nothing to predict, or not enough for its steps
 * - `non_finite`: the loss or the gradient became NaN or infinite
 * - `checkpoint`: a checkpoint is malformed, can't be read, or belongs to another run
 * - `log`: the log can't be read or written
 */
export type TrainingErrorCode = 'checkpoint' | 'data' | 'log' | 'non_finite' | 'value';

const brand = Symbol.for('tessera.training.error');

/**
 * Every error that this package throws on purpose: it names the function, what it expected and what came.
 *
 * @example
 * ```ts
 * import { TrainingError, sparkline } from '@tessera-llm/training';
 * try {
 *   sparkline([1, 2], 0);
 * } catch (error) {
 *   console.log(error instanceof TrainingError && error.code); // 'value'
 * }
 * ```
 */
export class TrainingError extends Error {
  readonly code: TrainingErrorCode;
  readonly [brand] = true;

  constructor(code: TrainingErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TrainingError';
    this.code = code;
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** @internal Every field of an options type, so that none is forgotten where they are listed. */
export type Known<T> = Readonly<Record<keyof T, true>>;

/**
 * @internal Throws `value` for options that are no object, and for a field that is not known: a misspelled option would
 * go unnoticed, and its default be used. Fields of undefined count as absent.
 */
export function checkKnown(where: string, given: unknown, known: Readonly<Record<string, true>>): void {
  if (typeof given !== 'object' || given === null) {
    throw new TrainingError('value', `[${where}] expected options as an object, got ${String(given)}`);
  }
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || Object.hasOwn(known, key)) continue;
    const names = Object.keys(known).join(', ');
    throw new TrainingError('value', `[${where}] expected options among ${names}, got ${key}`);
  }
}

/** @internal Throws `value` unless n is a whole number of at least `least`. */
export function checkCount(where: string, name: string, n: number, least = 1): void {
  if (!Number.isSafeInteger(n) || n < least) {
    throw new TrainingError('value', `[${where}] expected ${name} to be a whole number of at least ${least}, got ${n}`);
  }
}
