import type { Anchor } from './ast';
import { asciiWordSource, rustWordSource, wordSource } from './classes';

const border = (word: string) => `(?:(?<=[${word}])(?![${word}])|(?<![${word}])(?=[${word}]))`;
const noBorder = (word: string) => `(?!${border(word)})`;

/** Anchors as JavaScript has them; the others depend on more than the text around a place. */
export const anchors: Readonly<Partial<Record<Anchor, string>>> = {
  // Oniguruma has no empty line behind a final newline at its start, but one at its end.
  lineStart: '(?:(?<![\\s\\S])|(?<=\\n)(?=[\\s\\S]))',
  lineEnd: '(?=\\n|(?![\\s\\S]))',
  textStart: '(?<![\\s\\S])',
  textEnd: '(?![\\s\\S])',
  lastLineEnd: '(?=\\n?(?![\\s\\S]))',
  word: border(wordSource),
  notWord: noBorder(wordSource),
  asciiWord: border(asciiWordSource),
  notAsciiWord: noBorder(asciiWordSource),
  rustWord: border(rustWordSource),
  notRustWord: noBorder(rustWordSource),
};
