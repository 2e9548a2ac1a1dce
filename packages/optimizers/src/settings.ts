import { checkKnown, OptimizerError } from './errors.js';

/**
 * Settings with what is given put over the defaults; a name that the defaults lack is refused, and so
 * is a value of another kind than the default's. Ranges are the rule's to check.
 *
 * @param nullable Names for which null means something though the default is another value.
 */
export function withDefaults<S extends object>(
  op: string,
  defaults: S,
  given: object,
  nullable: readonly string[] = [],
): S {
  const result = { ...defaults };
  const known = new Map(Object.entries(defaults));
  checkKnown(op, 'settings', given, [...known.keys()]);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const [want, got] = [kindOf(known.get(key)), kindOf(value)];
    if (want !== got && want !== 'null' && !(got === 'null' && nullable.includes(key))) {
      throw new OptimizerError(
        'invalid_setting',
        `[${op}] expected ${key} to be a ${want}, got ${got === 'null' ? 'null' : `a ${got}`}`,
      );
    }
    Object.assign(result, { [key]: value });
  }
  return result;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}
