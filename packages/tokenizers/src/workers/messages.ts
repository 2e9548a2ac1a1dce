import { TokenizerError, type TokenizerErrorCode } from '../errors';
import type { AllowedSpecial } from '../encode/added-tokens';

/** A tokenizer as it travels: its tokenizer.json, and the ranks of merges, which that can't say. */
export interface TokenizerData {
  readonly json: string;
  readonly ranks: Int32Array | null;
}

/** Texts to encode. */
export interface EncodeTask {
  /** UTF-16 in shared memory. */
  readonly memory: Uint8Array;
  /** The end of each text there, in units; the next one begins at it. */
  readonly ends: Int32Array;
  /** Where each begins in the text that errors speak of. */
  readonly places: Int32Array;
  /** Where the ids go, one for each byte at the most; null to send them, which needs the whole pipeline. */
  readonly ids: Int32Array | null;
  readonly allowedSpecial: AllowedSpecial;
}

/** Says that the words met so far are to be forgotten, and where those are shared that come. */
export interface NewWords {
  /** Memory of the worker's own log. */
  readonly log: Int32Array;
  /** Memory of the other workers' logs. */
  readonly others: readonly Int32Array[];
}

/** An error as it travels; code null for those that are not this package's. */
export interface ErrorData {
  readonly code: TokenizerErrorCode | null;
  readonly message: string;
}

/** The ids of a task's texts, one behind the other, and how many each text has. */
export interface EncodedTexts {
  /** null if they are in the task's memory. */
  readonly ids: Int32Array | null;
  readonly counts: Int32Array;
}

/** What a worker sends. */
export type EncodeAnswer = { readonly ready: true } | EncodedTexts | { readonly error: ErrorData };

export function errorData(error: unknown): ErrorData {
  return error instanceof TokenizerError
    ? { code: error.code, message: error.message }
    : { code: null, message: error instanceof Error ? error.message : String(error) };
}

export function errorOf({ code, message }: ErrorData): Error {
  return code === null ? new Error(message) : new TokenizerError(code, message);
}
