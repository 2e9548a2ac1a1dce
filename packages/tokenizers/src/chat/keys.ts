import { MarkedText } from './marked-text';
import type { Run } from './run';
import { Dict, List, Undefined, type Value, View, describe, none, numeric } from './values';

/** The key of a dictionary under which Python would find the value, or what `refuse` makes of a value without one. */
export function keyOr<T>(run: Run, value: Value, refuse: (value: Value) => T): string | T {
  const key = spelled(run, value, refuse);
  // Making and hashing it takes time by its length; a tuple's has those of its items in it.
  if (typeof key === 'string') run.charge(1 + (key.length >> 3));
  return key;
}

/** @throws TokenizerError `template` for what can't be a key. */
export function keyOf(run: Run, value: Value): string {
  return keyOr(run, value, (wrong) => run.fail(`unhashable type: ${describe(wrong)}`));
}

/**
 * The key under which a value is looked up. What Python can hash, but no dictionary here has as a key, gets one that
 * none has.
 *
 * @throws TokenizerError `template` for what can't be hashed.
 */
export function soughtKey(run: Run, value: Value): string {
  return keyOr(run, value, (wrong) => {
    const hashed =
      wrong instanceof View ? !/keys|items/.test(wrong.name) : !(wrong instanceof List || wrong instanceof Dict);
    return hashed ? '' : run.fail(`unhashable type: ${describe(wrong)}`);
  });
}

function spelled<T>(run: Run, value: Value, refuse: (value: Value) => T): string | T {
  if (value instanceof MarkedText) return `s${value.text}`;
  const number = numeric(value);
  if (number !== null) return `n${Number.isInteger(number.value) ? number.exact : number.value}`;
  if (value === none) return 'none';
  if (value instanceof Undefined) return 'undefined';
  if (!(value instanceof List && value.tuple)) return refuse(value);
  let key = 't';
  for (const item of value.items) {
    const part = keyOr(run, item, refuse);
    if (typeof part !== 'string') return part;
    // Lengths tell where items end: quotes would have to be escaped at every level again.
    key += `${part.length}:${part}`;
  }
  return key;
}

export function dict(run: Run, pairs: Iterable<readonly [Value, Value]>): Dict {
  const entries = new Map<string, readonly [Value, Value]>();
  for (const [key, value] of pairs) {
    const place = keyOf(run, key);
    entries.set(place, [entries.get(place)?.[0] ?? key, value]);
  }
  return new Dict(entries);
}
