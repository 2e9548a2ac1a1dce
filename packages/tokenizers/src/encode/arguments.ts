import { isRecord, wrongArgument } from '../config';
import { TokenizerError } from '../errors';

/** @throws TokenizerError `invalid_argument` unless the value is a text, or one that is cut into words. */
export function checkInput(name: string, value: unknown): void {
  if (typeof value === 'string') return;
  if (!Array.isArray(value)) throw wrongArgument('encode', name, 'a text or a list of words', value);
  const at = value.findIndex((word) => typeof word !== 'string');
  if (at >= 0) throw wrongArgument('encode', `${name}[${at}]`, 'a word', value[at]);
}

/** @throws TokenizerError `invalid_argument` unless the value can be gone through. */
export function checkIds(value: unknown): void {
  if (value === null || value === undefined || !(Symbol.iterator in Object(value)))
    throw wrongArgument('decode', 'ids', 'a list of ids', value);
}

/**
 * A slip here would let special tokens of a text from outside through, so that it is looked at before the text.
 *
 * @throws TokenizerError `invalid_argument` unless the value is `all`, `none` or a list of tokens, or, where stretches
 *   are possible, stretches in order.
 */
export function checkSpecial(name: string, value: unknown, stretches: boolean): void {
  if (value === 'all' || value === 'none') return;
  const wrong = (place: string, expected: string, got: unknown) => wrongArgument('encode', place, expected, got);
  if (stretches && isRecord(value) && 'outside' in value) {
    if (!Array.isArray(value.outside)) throw wrong(`${name}.outside`, 'a list of stretches', value.outside);
    let done = 0;
    for (const [i, stretch] of value.outside.entries()) {
      const [from, to] = Array.isArray(stretch) ? (stretch as unknown[]) : [];
      if (
        !Number.isInteger(from) ||
        !Number.isInteger(to) ||
        (from as number) < done ||
        (to as number) < (from as number)
      )
        throw wrong(`${name}.outside[${i}]`, `[start, end) of at least ${done}, behind the one before`, stretch);
      done = to as number;
    }
    return;
  }
  // Nothing that can be gone through but once: what reads it next would find it empty.
  if (!Array.isArray(value) && !(value instanceof Set))
    throw wrong(name, `'all', 'none'${stretches ? ', { outside }' : ''} or a list of tokens`, value);
  let i = 0;
  for (const token of value as Iterable<unknown>) {
    if (typeof token !== 'string') throw wrong(`${name}[${i}]`, 'a token', token);
    i++;
  }
}

/** The error of one text of several, which it names; any other error as it is. */
export function ofBatch(error: unknown, index: number, count: number): unknown {
  if (!(error instanceof TokenizerError) || count < 2) return error;
  const message = error.message.replace(/^\[[^\]]*\]/, (call) => `${call} text ${index} of the batch:`);
  return new TokenizerError(error.code, message, { cause: error });
}
