import type { ArgReader } from './arguments';
import { MarkedText } from './marked-text';
import type { Run } from './run';
import type { Args, Value } from './values';

/** A filter: its value, and its arguments by the names of its parameters. */
export type Filter = (run: Run, value: Value, args: (...parameters: string[]) => ArgReader, raw: Args) => Value;

/** A value as filters sort it: strings without case unless asked. */
export function lowered(value: Value, caseSensitive: boolean): Value {
  return value instanceof MarkedText && !caseSensitive ? value.map((s) => s.toLowerCase()) : value;
}
