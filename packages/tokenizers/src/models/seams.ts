import { PairTable } from './pair-table';

/** Where a word can be cut because no merge reaches across: none joins the two characters there, and both are tokens. */
export class Seams {
  /** The pairs of characters at which merges join. */
  private readonly joints = new PairTable();
  private readonly single = new Map<number, boolean>();

  constructor(
    private readonly vocab: ReadonlyMap<string, number>,
    merges: readonly (readonly [string, string])[],
  ) {
    for (const [left, right] of merges) {
      const last = left.charCodeAt(left.length - 1);
      const a = (last & 0xfc00) === 0xdc00 ? left.codePointAt(left.length - 2) : last;
      this.joints.set(a as number, right.codePointAt(0) as number, 1);
    }
  }

  *cut(word: string): Generator<string> {
    let from = 0;
    let left = -1;
    for (let at = 0; at < word.length; ) {
      const right = word.codePointAt(at) as number;
      if (left >= 0 && this.joints.find(left, right) < 0 && this.isToken(left) && this.isToken(right)) {
        yield word.slice(from, at);
        from = at;
      }
      left = right;
      at += right > 0xffff ? 2 : 1;
    }
    yield word.slice(from);
  }

  /** True if every character of a word is a token. */
  isSpelled(word: string): boolean {
    for (const char of word) if (!this.isToken(char.codePointAt(0) as number)) return false;
    return true;
  }

  private isToken(codePoint: number): boolean {
    let known = this.single.get(codePoint);
    if (known === undefined) {
      known = this.vocab.has(String.fromCodePoint(codePoint));
      this.single.set(codePoint, known);
    }
    return known;
  }
}
