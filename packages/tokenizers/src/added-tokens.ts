import { spaceClass } from './pattern';

/** A token that is found in the text before anything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Left out by `decode` with `skipSpecialTokens`. */
  readonly special?: boolean;
  /** Matches only between word boundaries. */
  readonly singleWord?: boolean;
  /** Takes the whitespace before it. */
  readonly lstrip?: boolean;
  /** Takes the whitespace after it. */
  readonly rstrip?: boolean;
}

/** A stretch of text: between added tokens, or one of them. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly token: AddedToken | null;
}

const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
const wordChar = /[\p{L}\p{N}_\p{M}]/u;
const spacesBefore = new RegExp(`[${spaceClass}]*$`, 'u');
const spacesAfter = new RegExp(`[${spaceClass}]*`, 'uy');

/** Finds added tokens in texts: leftmost, then longest. */
export class AddedTokenMatcher {
  private readonly byContent: ReadonlyMap<string, AddedToken>;
  private readonly pattern: RegExp | null;

  constructor(tokens: readonly AddedToken[]) {
    this.byContent = new Map(tokens.map((t) => [t.content, t]));
    const alternatives = tokens
      .map((t) => t.content)
      .filter((c) => c.length > 0)
      .sort((a, b) => b.length - a.length)
      .map(escape);
    this.pattern = alternatives.length > 0 ? new RegExp(alternatives.join('|'), 'gu') : null;
  }

  /** The text in stretches, in order; `accept` tells which tokens count as such. */
  split(text: string, accept: (token: AddedToken) => boolean): Stretch[] {
    const { pattern } = this;
    const out: Stretch[] = [];
    let at = 0;
    if (pattern !== null) {
      pattern.lastIndex = 0;
      for (let m = pattern.exec(text); m !== null; m = pattern.exec(text)) {
        const token = this.byContent.get(m[0]) as AddedToken;
        let start = m.index;
        let end = start + m[0].length;
        if (!accept(token) || (token.singleWord && !standsAlone(text, start, end))) continue;
        if (token.lstrip) start -= (spacesBefore.exec(text.slice(at, start))?.[0] ?? '').length;
        if (token.rstrip) {
          spacesAfter.lastIndex = end;
          end += (spacesAfter.exec(text)?.[0] ?? '').length;
        }
        if (start > at) out.push({ start: at, end: start, token: null });
        out.push({ start, end, token });
        at = end;
        pattern.lastIndex = end;
      }
    }
    if (at < text.length) out.push({ start: at, end: text.length, token: null });
    return out;
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  const before = [...text.slice(Math.max(0, start - 2), start)].pop();
  const after = [...text.slice(end, end + 2)][0];
  return !(before && wordChar.test(before)) && !(after && wordChar.test(after));
}
