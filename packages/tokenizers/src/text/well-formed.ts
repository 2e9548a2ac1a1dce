import { TokenizerError } from '../errors';
import { findLoneSurrogate } from './unicode';

/**
 * Refuses text that no UTF-8 can be made of.
 *
 * @param offset Where the text begins in the one that was given.
 * @throws TokenizerError `invalid_text` for a lone surrogate.
 */
export function checkText(text: string, offset = 0): void {
  const at = findLoneSurrogate(text);
  if (at >= 0)
    throw new TokenizerError(
      'invalid_text',
      `[encode] expected well-formed text, got a lone surrogate at place ${offset + at}; text.toWellFormed() replaces it`,
    );
}
