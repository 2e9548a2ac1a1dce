import { isRecord, wrongArgument } from './config';

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
