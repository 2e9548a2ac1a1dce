const brand = Symbol.for('tessera.formats.error');

/**
 * What went wrong, as a stable word to switch on.
 *
 * - `invalid_file`: the bytes are not a well-formed safetensors or GGUF file
 * - `invalid_index`: a shard index is malformed, points outside its folder or disagrees with its shards
 * - `invalid_json`: a JSON file is malformed, too large or not an object
 * - `missing_file`, `missing_tensor`: a file or a tensor that was asked for is absent
 * - `unsupported_dtype`: the conversion asked for does not exist for this dtype
 * - `invalid_argument`: the caller's tensors, names or options are inconsistent
 * - `read_failed`, `write_failed`: the operating system refused; `cause` has its error
 */
export type FormatsErrorCode =
  | 'invalid_file'
  | 'invalid_index'
  | 'invalid_json'
  | 'missing_file'
  | 'missing_tensor'
  | 'unsupported_dtype'
  | 'invalid_argument'
  | 'read_failed'
  | 'write_failed';

/**
 * The one error class of this package; `code` says what kind it is, the message what was expected and what came.
 *
 * @example
 * ```ts
 * import { bytesSource, FormatsError, openSafetensors } from '@tessera-llm/formats';
 * try {
 *   await openSafetensors(bytesSource(new Uint8Array(4)));
 * } catch (error) {
 *   console.log(error instanceof FormatsError && error.code); // 'invalid_file'
 * }
 * ```
 */
export class FormatsError extends Error {
  readonly code: FormatsErrorCode;
  readonly [brand] = true;

  constructor(code: FormatsErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'FormatsError';
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
