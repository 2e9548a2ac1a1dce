const brand = Symbol.for('tessera.data.error');

/**
 * What went wrong, as a stable word to switch on.
 *
 * - `empty_text`: a text gave no tokens
 * - `empty_corpus`: there is no document, or nothing to predict in any
 * - `invalid_text`: a file is not UTF-8
 * - `vocab_mismatch`: a token id lies outside the vocabulary, or the data's vocabulary is larger than the model's
 * - `corrupted_data`: files and their index disagree, or ids lie outside the vocabulary
 * - `invalid_state`: a loader's saved state belongs to other data or settings
 * - `invalid_argument`: options are inconsistent
 * - `missing_file`, `read_failed`, `write_failed`: the operating system refused; `cause` has its error
 */
export type DataErrorCode =
  | 'empty_text'
  | 'empty_corpus'
  | 'invalid_text'
  | 'vocab_mismatch'
  | 'corrupted_data'
  | 'invalid_state'
  | 'invalid_argument'
  | 'missing_file'
  | 'read_failed'
  | 'write_failed';

/**
 * The one error class of this package; `code` says what kind it is, the message what was expected and what came.
 *
 * @example
 * ```ts
 * import { DataError, tokensFromArrays } from '@tessera-llm/data';
 * try {
 *   tokensFromArrays([[1, 9]], { vocabSize: 9 });
 * } catch (error) {
 *   console.log(error instanceof DataError && error.code); // 'vocab_mismatch'
 * }
 * ```
 */
export class DataError extends Error {
  readonly code: DataErrorCode;
  readonly [brand] = true;

  constructor(code: DataErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DataError';
    this.code = code;
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** The `code` of a Node system error (`ENOSPC`, `ENOENT`, ...), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

/** Runs a file operation; what the system refuses becomes a {@link DataError}. */
export async function readingFile<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const code = systemCode(cause) ?? 'an error';
    throw new DataError(
      code === 'ENOENT' ? 'missing_file' : 'read_failed',
      `[read] expected a readable file, got ${code} for ${path}`,
      { cause },
    );
  }
}

/** Throws `invalid_argument` unless `value` is a whole number >= `min`. */
export function checkWhole(op: string, name: string, value: number, min = 1): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new DataError('invalid_argument', `[${op}] expected ${name} to be a whole number >= ${min}, got ${value}`);
  }
}

/** Throws `invalid_argument` unless `value` is one of `choices`: a misspelled one would silently mean another. */
export function checkChoice(op: string, name: string, value: unknown, choices: readonly string[]): void {
  if (typeof value === 'string' && choices.includes(value)) return;
  throw new DataError(
    'invalid_argument',
    `[${op}] expected ${name} to be ${choices.map((choice) => `'${choice}'`).join(' or ')}, got ${String(value)}`,
  );
}

/** Throws `invalid_argument` for a lone text: iterated over, it would give its characters. */
export function checkNoText(op: string, name: string, value: unknown): void {
  if (typeof value !== 'string') return;
  throw new DataError(
    'invalid_argument',
    `[${op}] expected ${name} to be a list, got one text, ${JSON.stringify(value.slice(0, 40))}; put it into [ ]`,
  );
}
