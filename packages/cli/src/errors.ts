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

/** What went wrong, as a stable word to switch on. */
export type CliErrorCode = 'config' | 'interrupted' | 'usage';

const exitCodeOf: Readonly<Record<CliErrorCode, number>> = {
  config: exitCodes.usage,
  interrupted: exitCodes.interrupted,
  usage: exitCodes.usage,
};

const brand = Symbol.for('tessera.cli.error');

/** An error of the command itself; errors of the packages pass through it unchanged and exit with 1. */
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

/** What is shown of an error: its code if it has one, and its message. */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: 'unknown', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  return { code, message: error.message };
}
