import { LayersError } from '../errors';

/** Longer than any pattern of module names in use. */
const maxLength = 1000;
/** More unbounded repetitions could take seconds to fail on one name. */
const maxRepetitions = 4;

/**
 * A regular expression of a config file, which is hostile until checked: it must match a whole name, and can't take long to
 * say that it doesn't.
 *
 * @throws LayersError `adapter_config` for a pattern that JavaScript reads otherwise than Python or not at all, is too long, or
 *   repeats too much.
 */
export function wholePattern(field: string, pattern: string): RegExp {
  const problem = (what: string, cause?: unknown) =>
    new LayersError(
      'adapter_config',
      `[adapter] expected ${field} to hold a regular expression that ${what}, got ${JSON.stringify(pattern.slice(0, 200))}; ` +
        'a list of module names does as well',
      { cause },
    );
  if (pattern.length > maxLength) throw problem(`has at most ${maxLength} characters`);
  const bare = pattern.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, 'x');
  if ((bare.match(/[*+]|\{\d*,\d*\}/g) ?? []).length > maxRepetitions) {
    throw problem(`has at most ${maxRepetitions} repetitions`);
  }
  if (repeatsWithin(bare)) throw problem('has no repetition inside a repeated group');
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch (cause) {
    throw problem('JavaScript can read', cause);
  }
}

/** True if a group that holds a repetition is itself repeated without bound. */
function repeatsWithin(bare: string): boolean {
  const open: boolean[] = [];
  for (let i = 0; i < bare.length; i++) {
    const c = bare[i] ?? '';
    if (c === '(') open.push(false);
    else if (c === '*' || c === '+' || c === '{') open.fill(true);
    else if (c === ')' && open.pop() === true && /^[*+{]/.test(bare.slice(i + 1))) return true;
  }
  return false;
}
