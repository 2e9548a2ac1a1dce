import { rustWordSource } from '../regex/classes';
import type { AlignedText } from '../text/aligned-text';
import { spaceSource, unitsAt } from '../text/unicode';
import type { PreTokenizer } from './pre-tokenizer';

const word = new RegExp(`[${rustWordSource}]`, 'uy');
const notSpace = new RegExp(`[^${spaceSource}]`, 'gu');
const notWord = new RegExp(`[^${rustWordSource}]`, 'gu');
const wordOrSpace = new RegExp(`[${rustWordSource}${spaceSource}]`, 'gu');

/** Where a character of the kind begins, from a place on; the text's end if there is none. */
function next(kind: RegExp, text: string, from: number): number {
  kind.lastIndex = from;
  return kind.exec(text)?.index ?? text.length;
}

/**
 * Words and what stands between them, without spaces: the matches of `\w+|[^\w\s]+`. Each one's end is sought, as matching
 * it would take memory for every character of a long one.
 */
export function whitespace(): PreTokenizer {
  return {
    split(aligned) {
      const { text } = aligned;
      const out: AlignedText[] = [];
      for (let from = next(notSpace, text, 0); from < text.length; ) {
        word.lastIndex = from;
        const to = next(word.test(text) ? notWord : wordOrSpace, text, from + unitsAt(text, from));
        out.push(aligned.slice(from, to));
        from = next(notSpace, text, to);
      }
      return out;
    },
    toJSON: () => ({ type: 'Whitespace' }),
  };
}
