/** Text of a token stream, as a tokenizer's decoder gives it piece by piece. */
export interface TextStream {
  /** Text that became certain with this token; may be empty in the middle of a character. */
  push(id: number): string;
  /** What was still held back. */
  flush(): string;
}

/** New text, and whether a stop string ended it. */
export interface StopResult {
  readonly text: string;
  readonly stopped: boolean;
}

/**
 * Finds stop strings in text that comes in pieces, also across their borders: what may yet become a stop string is held
 * back, and the stop string itself is never given out. Of several, the one that is complete first ends the text, so
 * that it doesn't matter how the text is cut into pieces. Empty stop strings are left out. One matcher is for one text.
 *
 * @example
 * ```ts
 * import { StopMatcher } from '@tessera-llm/generation';
 * const matcher = new StopMatcher(['END']);
 * console.log(matcher.push('one E')); // { text: 'one ', stopped: false }
 * console.log(matcher.push('ND two')); // { text: '', stopped: true }
 * ```
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
  }

  /** Takes a piece and gives out what is certain. */
  push(piece: string): StopResult {
    const text = this.#held + piece;
    // The one that is complete first, and of those the longest: what comes after it, pieces may or may not have
    // brought.
    let [first, end] = [-1, Number.POSITIVE_INFINITY];
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      const last = at + stop.length;
      if (at >= 0 && (last < end || (last === end && at < first))) [first, end] = [at, last];
    }
    if (first >= 0) {
      this.#held = '';
      return { text: text.slice(0, first), stopped: true };
    }
    const keep = this.#pending(text);
    this.#held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), stopped: false };
  }

  /** What is still held back, when no more text comes. */
  flush(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  /** Length of the longest end of the text that begins a stop string. */
  #pending(text: string): number {
    let most = 0;
    for (const stop of this.#stops) {
      for (let n = Math.min(stop.length - 1, text.length); n > most; n--) {
        if (text.endsWith(stop.slice(0, n))) most = n;
      }
    }
    return most;
  }
}
