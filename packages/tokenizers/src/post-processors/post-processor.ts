import { type Row, type Rows, addedRow, joinRows } from '../encode/rows';

/** Puts special tokens around one or two texts, and finishes offsets. */
export interface PostProcessor {
  /**
   * Puts its tokens around the texts, if they are wanted.
   *
   * @param texts One or two encodings.
   * @param addSpecialTokens false only finishes types and offsets.
   * @returns Encodings that are then joined.
   */
  process(texts: readonly Rows[], addSpecialTokens: boolean): Rows[];
  /** Number of tokens that are added to one text, or to a pair. */
  added(pair: boolean): number;
  /** The component of tokenizer.json. */
  toJSON(): Record<string, unknown>;
}

/** Runs a post-processor and joins what it gives. */
export function finish(processor: PostProcessor | null, texts: readonly Rows[], addSpecialTokens: boolean): Rows {
  if (processor === null) return unprocessed(texts);
  return processor.process(texts, addSpecialTokens).reduce(joinRows, { rows: [], overflowing: [] });
}

/** Ids before one text and behind it; a template may have it more often, or never. */
export function idsAround(processor: PostProcessor | null, addSpecialTokens: boolean): number[][] {
  const probe = { ...addedRow(-1, '', 0), word: 0, sequence: 0, special: false };
  const { rows } = finish(processor, [{ rows: [probe], overflowing: [] }], addSpecialTokens);
  const found: number[][] = [[]];
  for (const { id } of rows) {
    if (id === -1) found.push([]);
    else found.at(-1)?.push(id);
  }
  return found;
}

/**
 * Without a post-processor Hugging Face's library does not write down where a single text is, nor what overflows of two:
 * where it knows of no text, or only of the second, everything counts as the first, padding too.
 */
function unprocessed(texts: readonly Rows[]): Rows {
  const [first, second] = texts;
  if (first === undefined || second === undefined) {
    const made = first ?? { rows: [], overflowing: [] };
    return { ...made, paddedAs: [0, ...made.overflowing.map(() => 0)] };
  }
  const { rows, overflowing } = joinRows(first, {
    rows: second.rows,
    overflowing: second.overflowing.map((window) => window.map((row) => ({ ...row, sequence: null }))),
  });
  const lost = first.overflowing.length * (1 + second.overflowing.length);
  return {
    rows,
    overflowing: overflowing.map((window, i) => (i < lost ? window.map((row) => ({ ...row, sequence: 0 })) : window)),
    paddedAs: [null, ...overflowing.map((_, i) => (i < lost ? 0 : null))],
  };
}

const leadingSpace = /^[Ġ\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*/u;
const space = /[Ġ\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** From the right: an expression that ends in $ would try every space of the token as the first. */
function trailingSpaces(token: string): number {
  let at = token.length;
  while (at > 0 && space.test(token.charAt(at - 1))) at--;
  return token.length - at;
}

/** Takes the whitespace that a byte-level token carries out of its offsets. */
export function trimRow(row: Row, index: number, addPrefixSpace: boolean): Row {
  let leading = (leadingSpace.exec(row.token) as RegExpExecArray)[0].length;
  // From the right, as many as there are: the same characters as from the left if there are no others.
  const trailing = leading === row.token.length ? leading : trailingSpaces(row.token);
  if (leading === 0 && trailing === 0) return row;
  // A space that was put before the text is in no offset; of several, none was put there.
  if (leading === 1 && addPrefixSpace && (index === 0 || row.start === 0)) leading = 0;
  const startPoint = leading > 0 ? Math.min(row.startPoint + leading, row.endPoint) : row.startPoint;
  const endPoint =
    trailing > 0 && row.endPoint >= trailing ? Math.max(row.endPoint - trailing, startPoint) : row.endPoint;
  // Whitespace takes one unit a character; a space that stands for none in the text may count as a character of two.
  const start = startPoint === row.endPoint ? row.end : row.start + startPoint - row.startPoint;
  const end = endPoint === startPoint ? start : row.end + endPoint - row.endPoint;
  return { ...row, start, end, startPoint, endPoint };
}
