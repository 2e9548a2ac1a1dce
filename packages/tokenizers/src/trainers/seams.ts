import { isRecord } from '../config';
import { splitterFor } from '../fast/scanners';

/** Where a text that is too long to be cut into words at once is cut, if its pre-tokenizer ends words there. */
export const seam = /[A-Za-z](?= [A-Za-z])/g;

/** What a component makes of a seam: a border of words, nothing that reaches across it, or one cannot tell. */
type AtSeam = 'ends' | 'local' | 'unknown';

/** Components that cut at single characters of a kind, wherever they stand. */
const local = new Set<unknown>(['CharDelimiterSplit', 'Digits', 'Punctuation']);
const ending = new Set<unknown>(['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit']);

function atSeam(json: unknown): AtSeam {
  if (!isRecord(json)) return 'unknown';
  const { type, pattern } = json;
  if (ending.has(type)) return 'ends';
  if (local.has(type)) return 'local';
  if (type === 'ByteLevel') return json.use_regex === false ? 'unknown' : 'ends';
  if (type === 'Metaspace') return json.split === false ? 'unknown' : 'ends';
  if (type === 'Sequence') {
    if (!Array.isArray(json.pretokenizers)) return 'unknown';
    // Behind the first component that ends words there, none sees both sides.
    for (const part of json.pretokenizers as unknown[]) {
      const found = atSeam(part);
      if (found !== 'local') return found;
    }
    return 'local';
  }
  if (type !== 'Split' || !isRecord(pattern) || json.invert === true) return 'unknown';
  if (pattern.String === ' ') return json.behavior === 'MergedWithPrevious' ? 'unknown' : 'ends';
  // The patterns that a scanner knows end a word at every seam.
  const known = typeof pattern.Regex === 'string' && splitterFor(pattern.Regex) !== null;
  return known && json.behavior === 'Isolated' ? 'ends' : 'unknown';
}

/**
 * True if the words of a text are those of its parts between seams. Others, such as the lines that a Split at `\n`
 * gives, reach across.
 *
 * @param json The pre-tokenizer as tokenizer.json has it.
 */
export function endsWordsAtSeams(json: unknown): boolean {
  return atSeam(json) === 'ends';
}
