import { TokenizerError } from '../errors';
import type { Matches } from './split-ranges';

/** Units of V8's longest string. */
const longest = 2 ** 29 - 24;

/**
 * Most UTF-16 units that the components of a file may make of a text of `length`. A few replacements of a small file,
 * one after the other, can double a text until memory ends, and the process with it; no real file comes near this.
 */
export function mostUnits(length: number): number {
  return Math.min(longest, Math.max(2 ** 16, Math.min(64 * length, 2 ** 25), 4 * length));
}

/** @throws TokenizerError `invalid_file` naming the component if it makes more than that. */
export function checkGrowth(place: string, made: number, most: number): void {
  if (made <= most) return;
  throw new TokenizerError(
    'invalid_file',
    `[tokenizer] ${place}: expected at most ${most} UTF-16 units to be made of this text, got ${made}; components that multiply texts so belong to a broken or hostile file`,
  );
}

/** Most matches in a text: V8 ends the process at lists of twice as many numbers. */
const mostMatches = 2 ** 25;

/** @throws TokenizerError `invalid_text` for more matches than a list takes. */
export function checkMatches(found: Matches): void {
  if (found.length <= 2 * mostMatches) return;
  throw new TokenizerError(
    'invalid_text',
    `[tokenizer] expected at most ${mostMatches} matches of a pattern in one text, got more; encode it in parts`,
  );
}

/** Units of a text of `length` once `content` stands in the place of each match. */
export function replacedUnits(length: number, matches: Matches, content: string): number {
  let made = length + (matches.length / 2) * content.length;
  for (let m = 0; m < matches.length; m += 2) made -= (matches[m + 1] as number) - (matches[m] as number);
  return made;
}
