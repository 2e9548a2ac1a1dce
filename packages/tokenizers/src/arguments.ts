import { isRecord, shown } from './config';
import { TokenizerError } from './errors';

/** For what a caller gave instead of something of another type. Data is told by its type only. */
export function wrongArgument(loader: string, name: string, expected: string, got: unknown): TokenizerError {
  const what = typeof got === 'object' && got !== null ? Object.prototype.toString.call(got).slice(8, -1) : shown(got);
  return new TokenizerError('invalid_argument', `[${loader}] ${name}: expected ${expected}, got ${what}`);
}

/** @throws TokenizerError `invalid_argument` unless the value is an object. */
export function checkObject(loader: string, name: string, expected: string, value: unknown): void {
  if (!isRecord(value)) throw wrongArgument(loader, name, expected, value);
}

/** Bytes as file systems give them, and `fetch`. @throws TokenizerError `invalid_argument` for anything else. */
export function bytesOf(loader: string, expected: string, data: unknown): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  // Of another realm too, as in tests that run in a context of their own.
  if (Object.prototype.toString.call(data) === '[object ArrayBuffer]') return new Uint8Array(data as ArrayBuffer);
  throw wrongArgument(loader, 'file', expected, data);
}
