import { Trie } from '../models/trie';
import type { Normalizer } from '../normalizers/normalizer';
import { AlignedText } from '../text/aligned-text';
import { isSpace } from '../text/unicode';

/** A token that is found in the text before anything else. */
export interface AddedToken {
  /** From 0 to 2^24 - 1. */
  readonly id: number;
  /** What is found in the text. */
  readonly content: string;
  /** Left out by `decode` with `skipSpecialTokens`, and subject to `allowedSpecial`. Default false. */
  readonly special?: boolean;
  /** Matches only between word boundaries. Default false. */
  readonly singleWord?: boolean;
  /** Takes the whitespace before it. Default false. */
  readonly lstrip?: boolean;
  /** Takes the whitespace after it. Default false. */
  readonly rstrip?: boolean;
  /** Is sought in the normalised text rather than in the given one. Default false. */
  readonly normalized?: boolean;
}

/**
 * Which special tokens are recognised in text: all, none, these, or those that have nothing in common with given
 * stretches [start, end) of the text in UTF-16 units, which are in order and do not overlap.
 */
export type AllowedSpecial =
  | 'all'
  | 'none'
  | readonly string[]
  | { readonly outside: readonly (readonly [number, number])[] };

/** Whether a token may be found at [from, to). */
type Fits = (token: AddedToken, from: number, to: number) => boolean;

/** Whether a stretch has anything in common with [from, to). */
function touched(stretches: readonly (readonly [number, number])[], from: number, to: number): boolean {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stretches[middle] as readonly [number, number])[1] > from) high = middle;
    else low = middle + 1;
  }
  return low < stretches.length && (stretches[low] as readonly [number, number])[0] < to;
}

/** A special token that is not among those of a list is ordinary characters, in which another one may be found. */
function fitsAllowed(allowed: AllowedSpecial): Fits | null {
  if (typeof allowed === 'string') return null;
  if ('outside' in allowed) return (token, from, to) => !token.special || !touched(allowed.outside, from, to);
  return allows(allowed);
}

/** Whether a token may be found, leaving aside where. */
function allows(allowed: AllowedSpecial): (token: AddedToken) => boolean {
  if (allowed === 'none') return (token) => !token.special;
  if (allowed === 'all' || 'outside' in allowed) return () => true;
  const set = new Set(allowed);
  return (token) => !token.special || set.has(token.content);
}

const wordChar = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/** A stretch of text: between added tokens (token null), or one of them. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly token: AddedToken | null;
}

/** Finds tokens in texts: leftmost, then longest. */
class Finder {
  private readonly trie = new Trie();
  /** Jumps to the next place where a token may begin. */
  private readonly starts: RegExp | null;
  private readonly only: string | null;

  constructor(
    private readonly tokens: readonly AddedToken[],
    contents: readonly string[],
  ) {
    const first = new Set<string>();
    contents.forEach((content, i) => {
      if (content === '') return;
      this.trie.add(content, i);
      first.add(content.slice(0, 1));
    });
    const units = Array.from(first, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
    this.starts = units.length > 0 ? new RegExp(`[${units.join('')}]`, 'g') : null;
    this.only = first.size === 1 ? ([...first][0] as string) : null;
  }

  private next(text: string, from: number): number {
    if (this.only !== null) return text.indexOf(this.only, from);
    const starts = this.starts as RegExp;
    starts.lastIndex = from;
    return starts.exec(text)?.index ?? -1;
  }

  /** @param fits Where it says no, a shorter token at the same place or a later one that overlaps may match. */
  find(text: string, accept: (token: AddedToken) => boolean, fits: Fits | null = null): Stretch[] {
    const out: Stretch[] = [];
    let done = 0;
    let spaceEnd = 0;
    if (this.starts !== null) {
      for (let at = this.next(text, 0); at >= 0; ) {
        let best = -1;
        let end = at;
        for (let node = 0, i = at; i < text.length; ) {
          node = this.trie.step(node, text.charCodeAt(i++));
          if (node < 0) break;
          const value = this.trie.value(node);
          if (value < 0 || (fits !== null && !fits(this.tokens[value] as AddedToken, at, i))) continue;
          best = value;
          end = i;
        }
        if (best < 0) {
          at = this.next(text, at + 1);
          continue;
        }
        const token = this.tokens[best] as AddedToken;
        let from = at;
        let to = end;
        at = this.next(text, end);
        if (!accept(token) || (token.singleWord && !standsAlone(text, from, to))) continue;
        // As in Hugging Face's library, a token may begin in the space that the one before it took; one with `lstrip`
        // starts behind that space, and is lost if nothing of it is left.
        if (token.lstrip) {
          while (from > done && isSpace(text[from - 1] as string)) from--;
          from = Math.max(from, done);
        }
        if (token.rstrip) {
          // Tokens that are space themselves may all begin in the same space: it is gone through once.
          to = Math.max(to, spaceEnd);
          while (to < text.length && isSpace(text[to] as string)) to++;
          spaceEnd = to;
        }
        if (to <= from) continue;
        if (from > done) out.push({ from: done, to: from, token: null });
        out.push({ from, to, token });
        done = to;
      }
    }
    if (done < text.length) out.push({ from: done, to: text.length, token: null });
    return out;
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  const before = [...text.slice(Math.max(0, start - 2), start)].pop();
  const after = [...text.slice(end, end + 2)][0];
  return !(before !== undefined && wordChar.test(before)) && !(after !== undefined && wordChar.test(after));
}

/** A normalised piece of text, or an added token in its place. */
export interface Part {
  readonly text: AlignedText;
  readonly token: AddedToken | null;
}

/** The added tokens of a tokenizer: those sought in the text as it is, then those sought in what normalisation made. */
export class AddedTokens {
  readonly byId: ReadonlyMap<number, AddedToken>;
  readonly byContent: ReadonlyMap<string, AddedToken>;
  /** Tokens that are sought in normalised text, as they are written there: so Hugging Face's library decodes them. */
  private readonly shown: ReadonlyMap<number, string>;
  private readonly raw: Finder;
  private readonly normal: Finder | null;

  constructor(
    readonly list: readonly AddedToken[],
    private readonly normalizer: Normalizer | null,
  ) {
    this.byId = new Map(list.map((t) => [t.id, t]));
    this.byContent = new Map(list.map((t) => [t.content, t]));
    const raw = list.filter((t) => !t.normalized);
    const normal = list.filter((t) => t.normalized);
    this.raw = new Finder(
      raw,
      raw.map((t) => t.content),
    );
    const contents = normal.map((t) => normalizer?.normalize(AlignedText.of(t.content)).text ?? t.content);
    this.normal = normal.length > 0 ? new Finder(normal, contents) : null;
    this.shown = new Map(normal.map((t, i) => [t.id, contents[i] as string]));
  }

  /** What an added token is decoded to; undefined for any other id. */
  textOf(id: number): string | undefined {
    return this.shown.get(id) ?? this.byId.get(id)?.content;
  }

  /** True if `allowed` can be told from a normalised text, without where that came from. */
  placeless(allowed: AllowedSpecial): boolean {
    return this.normal === null || this.normalizer === null || typeof allowed !== 'object' || !('outside' in allowed);
  }

  /** A special token that a text must not have but has, or null. */
  findDisallowed(text: string, allowed: AllowedSpecial, disallowed: 'all' | readonly string[]): string | null {
    const accept = allows(allowed);
    const unwanted = disallowed === 'all' ? null : new Set(disallowed);
    const found = this.list.find(
      (token) =>
        token.special &&
        (unwanted === null ? !accept(token) : unwanted.has(token.content)) &&
        token.content !== '' &&
        text.includes(token.content),
    );
    return found?.content ?? null;
  }

  /** Stretches of the given text by the tokens that are sought in it. */
  stretches(text: string, allowed: AllowedSpecial): Stretch[] {
    return this.raw.find(text, allows(allowed), fitsAllowed(allowed));
  }

  /** Units [from, to) of a normalised text by the tokens that are sought in one; see `placeless`. */
  normalStretches(text: string, from: number, to: number, allowed: AllowedSpecial): Stretch[] {
    if (this.normal === null) return [{ from, to, token: null }];
    const fits = fitsAllowed(allowed);
    const shifted: Fits | null = fits && ((token, start, end) => fits(token, from + start, from + end));
    return this.normal
      .find(text.slice(from, to), allows(allowed), shifted)
      .map((stretch) => ({ from: from + stretch.from, to: from + stretch.to, token: stretch.token }));
  }

  /** The text in parts, normalised between the tokens. */
  split(text: AlignedText, allowed: AllowedSpecial): Part[] {
    const accept = allows(allowed);
    const fits = fitsAllowed(allowed);
    // Places in a text on its way are turned into places in the given one.
    const within = (part: AlignedText): Fits | null =>
      fits && ((token, from, to) => fits(token, ...part.range(from, to)));
    const out: Part[] = [];
    for (const { from, to, token } of this.raw.find(text.text, accept, within(text))) {
      const piece = text.slice(from, to);
      if (token !== null) {
        out.push({ text: piece, token });
        continue;
      }
      const made = this.normalizer?.normalize(piece) ?? piece;
      if (this.normal === null) {
        // Cut even where nothing is cut off: it begins where the first character that is left does.
        if (made.length > 0) out.push({ text: made.slice(0, made.length), token: null });
        continue;
      }
      for (const s of this.normal.find(made.text, accept, within(made)))
        out.push({ text: made.slice(s.from, s.to), token: s.token });
    }
    return out;
  }
}
