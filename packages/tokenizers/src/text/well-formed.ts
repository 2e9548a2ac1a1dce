import { TokenizerError } from '../errors';
import { findLoneSurrogate } from './unicode';

/**
 * Refuses text that no UTF-8 can be made of.
 *
 * @param offset Where the text begins in the one that was given.
 * @param word Which of the given words the text is; none: the input is one text.
 * @throws TokenizerError `invalid_text` for a lone surrogate.
 */
export function checkText(text: string, offset = 0, word?: number): void {
  const at = findLoneSurrogate(text);
  if (at < 0) return;
  throw loneSurrogate(offset + at, word);
}

/** The error for a lone surrogate at a place of a text or of one of the given words. */
export function loneSurrogate(place: number, word?: number): TokenizerError {
  const where = word === undefined ? '' : ` of word ${word}`;
  return new TokenizerError(
    'invalid_text',
    `[encode] expected well-formed text, got a lone surrogate at place ${place}${where}; text.toWellFormed() replaces it`,
  );
}
