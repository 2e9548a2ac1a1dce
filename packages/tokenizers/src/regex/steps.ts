import type { Anchor, Backreference } from './ast';

/** What the machine does; a program is a list of these. */
export type Step =
  | { readonly op: 'set'; readonly test: (codePoint: number) => boolean }
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'copy'; readonly from: number; readonly to: number }
  | { readonly op: 'moved'; readonly slot: number }
  | { readonly op: 'anchor'; readonly kind: Anchor }
  | (Backreference & { readonly op: 'same' })
  /** Keeps how much is waiting, and behind that slot the place. */
  | { readonly op: 'mark'; readonly slot: number }
  /** Lets go of what has been waiting since the mark, and goes back to its place if `back`. */
  | { readonly op: 'cut'; readonly slot: number; readonly back: boolean }
  /** Fails with all that has been waiting since the mark. */
  | { readonly op: 'refuse'; readonly slot: number }
  /** Is at the mark's place. */
  | { readonly op: 'there'; readonly slot: number }
  /** The next place before the mark's to look from. `lengths` in characters, ascending; null if there is no bound. */
  | { readonly op: 'back'; readonly slot: number; readonly lengths: readonly number[] | null; readonly again: boolean }
  | Limit
  /** Ends the search of a limit: at the place kept two slots behind the mark, or without one. */
  | { readonly op: 'limited'; readonly limit: Limit; readonly found: boolean }
  | { readonly op: 'call'; readonly index: number; to: number }
  | { readonly op: 'return' }
  | { readonly op: 'done' };

/** Looks from the mark on for the place where nothing more may be matched. */
export interface Limit {
  readonly op: 'limit';
  readonly slot: number;
  /** The place depends on the text alone, and is worth remembering. */
  readonly fixed: boolean;
  /** The step behind. */
  to: number;
}

/** Where `\K` leaves the beginning of the match. */
export const keepSlot = 0;
/** Where what may be matched ends. */
export const boundSlot = 1;
/** Where the text ends. */
export const wholeSlot = 2;
/** Never a place. */
export const noneSlot = 3;
/** Where the last text of a group begins; the next slot is where it ends. */
export const groupSlot = (index: number): number => 2 + 2 * index;
