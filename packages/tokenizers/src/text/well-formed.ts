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
  const where = word === undefined ? '' : ` of word ${word}`;
  throw new TokenizerError(
    'invalid_text',
    `[encode] expected well-formed text, got a lone surrogate at place ${offset + at}${where}; text.toWellFormed() replaces it`,
  );
}
