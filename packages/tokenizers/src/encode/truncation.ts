import { Reader, wrongArgument } from '../config';
import { TokenizerError } from '../errors';
import type { Row, Rows } from './rows';

/** Which of two texts is cut: the longer one, both to the same length where that is not enough; or this one only. */
export type TruncationStrategy = 'longest_first' | 'only_first' | 'only_second';

/** How encodings are kept short. */
export interface TruncationOptions {
  /** Most tokens of a window, those that the post-processor adds included; 0 leaves only those. */
  readonly maxLength: number;
  /**
   * Tokens that a further window shares with the one before; fewer than a window has of the text, default 0. As in
   * Hugging Face's library 0.23.2 there are further windows only up to the word in which a text has as many tokens as one
   * window: cut a long document into texts of your own.
   */
  readonly stride?: number;
  /** Default `longest_first`. */
  readonly strategy?: TruncationStrategy;
  /** The end that is cut off; default `right`. */
  readonly direction?: 'left' | 'right';
}

/** The names of a tokenizer.json. */
const strategies = { longest_first: 'LongestFirst', only_first: 'OnlyFirst', only_second: 'OnlySecond' } as const;

const refused = (message: string) => new TokenizerError('invalid_argument', `[truncation] ${message}`);

/** Windows of at most `most` tokens; the first is the encoding, the others overflow. */
function cut(rows: readonly Row[], most: number, options: TruncationOptions): Rows {
  const n = rows.length;
  const { stride = 0, direction = 'right' } = options;
  if (most >= n) return { rows, overflowing: [] };
  if (most === 0) return { rows: [], overflowing: [rows] };
  if (stride >= most) throw refused(`expected a stride below the ${most} tokens of a window, got ${stride}`);
  const step = most - stride;
  const windows: Row[][] = [];
  if (direction === 'right') {
    for (let start = 0; start < n; start += step) {
      windows.push(rows.slice(start, start + most));
      if (start + most >= n) break;
    }
  } else {
    for (let stop = n; stop > 0; stop -= step) {
      windows.push(rows.slice(Math.max(0, stop - most), stop));
      if (stop <= most) break;
    }
  }
  return { rows: windows[0] as Row[], overflowing: windows.slice(1) };
}

/**
 * Refuses a stride that no window could have, whatever the text.
 *
 * @param added Tokens that the post-processor adds to one text.
 */
export function checkTruncation({ maxLength, stride = 0 }: TruncationOptions, added: number): void {
  const most = maxLength - added;
  if (maxLength > 0 && most >= 0 && stride > most)
    throw refused(`expected a stride of at most the ${most} tokens of a window, got ${stride}`);
}

/**
 * Cuts one or two encodings so that together they have at most `options.maxLength - added` tokens.
 *
 * @param added Tokens that the post-processor will add.
 * @throws TokenizerError `invalid_argument` where there is no room, or the text to be cut is absent or too short.
 */
export function truncateRows(texts: readonly (readonly Row[])[], options: TruncationOptions, added: number): Rows[] {
  const { maxLength, strategy = 'longest_first' } = options;
  if (
    !Number.isInteger(maxLength) ||
    maxLength < 0 ||
    !Number.isInteger(options.stride ?? 0) ||
    (options.stride ?? 0) < 0
  ) {
    throw refused(
      `expected a length and a stride that are whole numbers of at least 0, got ${maxLength} and ${options.stride}`,
    );
  }
  if (!Object.hasOwn(strategies, strategy))
    throw wrongArgument('truncation', 'strategy', `one of ${Object.keys(strategies).join(', ')}`, strategy);
  const { direction = 'right' } = options;
  if (direction !== 'left' && direction !== 'right')
    throw wrongArgument('truncation', 'direction', "'left' or 'right'", direction);
  if (maxLength > 0 && maxLength < added)
    throw refused(`expected room for the ${added} special tokens, got a length of ${maxLength}`);
  const most = maxLength === 0 ? 0 : maxLength - added;
  const lengths = texts.map((rows) => rows.length);
  const total = lengths.reduce((a, b) => a + b, 0);
  if (total <= most) return texts.map((rows) => ({ rows, overflowing: [] }));
  if (most === 0) return texts.map((rows) => cut(rows, 0, options));
  if (strategy === 'longest_first') {
    const targets = lengths.length === 1 ? [most] : longestFirst(lengths[0] as number, lengths[1] as number, most);
    return texts.map((rows, i) => cut(rows, targets[i] as number, options));
  }
  const which = strategy === 'only_first' ? 0 : 1;
  const length = lengths[which];
  if (length === undefined) throw refused('expected a second text for the strategy only_second, got one');
  const left = length - (total - most);
  if (left <= 0) throw refused(`expected a text longer than the ${total - most} tokens to be cut off, got ${length}`);
  return texts.map((rows, i) => (i === which ? cut(rows, left, options) : { rows, overflowing: [] }));
}

/** The longer text is cut first; if both are too long they share. */
function longestFirst(first: number, second: number, most: number): [number, number] {
  const swap = first > second;
  let short = Math.min(first, second);
  let long = short > most ? short : Math.max(short, most - short);
  if (short + long > most) {
    short = Math.floor(most / 2);
    long = short + (most % 2);
  }
  return swap ? [long, short] : [short, long];
}

/** `truncation` of a tokenizer.json. */
export function readTruncation(value: unknown): TruncationOptions | null {
  if (value == null) return null;
  const c = Reader.of(value, 'truncation');
  const name = c.oneOf('strategy', Object.values(strategies), 'LongestFirst');
  const known = Object.keys(strategies) as TruncationStrategy[];
  return {
    maxLength: c.integer('max_length', 512),
    stride: c.integer('stride', 0),
    strategy: known.find((strategy) => strategies[strategy] === name) ?? 'longest_first',
    direction: c.oneOf('direction', ['Right', 'Left'], 'Right') === 'Left' ? 'left' : 'right',
  };
}

export function truncationToJson(options: TruncationOptions | null): unknown {
  if (options === null) return null;
  return {
    direction: options.direction === 'left' ? 'Left' : 'Right',
    max_length: options.maxLength,
    strategy: strategies[options.strategy ?? 'longest_first'],
    stride: options.stride ?? 0,
  };
}
