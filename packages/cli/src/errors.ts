/** Exit codes of the command; `--help` lists them. */
export const exitCodes = {
  ok: 0,
  /** The work failed: a file, a checkpoint, a full disk, a run that diverged. */
  failure: 1,
  /** The command line or a configuration file is wrong; nothing was begun. */
  usage: 2,
  /** Stopped by Ctrl-C or SIGTERM; a training run can be resumed. */
  interrupted: 130,
} as const;

/**
 * What went wrong, as a stable word to switch on.
 *
 * - `config`: a configuration file, or one of messages, is wrong
 * - `interrupted`: a run was stopped by a signal, and saved
 * - `usage`: the command line is wrong
 */
export type CliErrorCode = 'config' | 'interrupted' | 'usage';

const exitCodeOf: Readonly<Record<CliErrorCode, number>> = {
  config: exitCodes.usage,
  interrupted: exitCodes.interrupted,
  usage: exitCodes.usage,
};

const brand = Symbol.for('tessera.cli.error');

/**
 * An error of the command itself. `main` reports it and gives its `exitCode`; errors of the packages exit with 1.
 *
 * @example
 * ```ts
 * import { CliError, exitCodes } from '@tessera-llm/cli';
 * const error = new CliError('usage', 'expected a model, got none');
 * console.log(error.exitCode === exitCodes.usage, error.exitCode); // true 2
 * ```
 */
export class CliError extends Error {
  readonly code: CliErrorCode;
  readonly [brand] = true;
  readonly exitCode: number;

  constructor(code: CliErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CliError';
    this.code = code;
    this.exitCode = exitCodeOf[code];
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/**
 * What is shown of an error: its message, and its `code` if that is a string, else `unknown`. With `--json` it is the
 * field `error` of the document.
 *
 * @example
 * ```ts
 * import { describeError } from '@tessera-llm/cli';
 * console.log(describeError(new Error('the disk is full')).code); // 'unknown'
 * ```
 */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: 'unknown', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  return { code, message: error.message };
}
