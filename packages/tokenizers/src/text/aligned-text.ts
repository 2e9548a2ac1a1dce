import { type Edit, changesOf, stitched } from './edits';
import { type Matches, type SplitBehavior, splitRanges } from './split-ranges';
import { replacedUnits } from './growth';
import { unitsAt } from './unicode';

export type { Matches, SplitBehavior } from './split-ranges';

const ascii = /^[\0-\x7f]*$/;
/** Half of a character of two units. */
const pair = /[\ud800-\udfff]/;

/**
 * A text on its way through normalisation that remembers, for each of its code units, which stretch of the original
 * it came from, in UTF-16 units. Values never change; every step makes a new one. Unchanged text needs no tables.
 * Normalisers and pre-tokenizers of one's own are written with it.
 *
 * @example
 * ```ts
 * import { AlignedText } from '@tessera-llm/tokenizers';
 * const text = AlignedText.of('ﬁne').flatMap((char) => char.normalize('NFKC'));
 * console.log(text.text); // 'fine'
 * console.log(text.range(0, 2), text.range(2, 4)); // [0, 1] [1, 3]
 * ```
 */
export class AlignedText {
  private constructor(
    readonly text: string,
    /** Where in the original this text begins. */
    readonly origin: number,
    private readonly starts: Int32Array | null,
    private readonly ends: Int32Array | null,
    private readonly tracked = true,
  ) {}

  /** A text as it was given, which begins at `origin` of the original. */
  static of(text: string, origin = 0): AlignedText {
    return new AlignedText(text, origin, null, null);
  }

  /** A text that does not remember where it came from: for who wants ids only. */
  static untracked(text: string): AlignedText {
    return new AlignedText(text, 0, null, null, false);
  }

  private plain(text: string): AlignedText {
    return new AlignedText(text, this.origin, null, null, false);
  }

  /** UTF-16 units of the text. */
  get length(): number {
    return this.text.length;
  }

  /** The stretch of the original that units [from, to) came from. */
  range(from: number, to: number): [number, number] {
    if (this.starts === null || this.ends === null) return [this.origin + from, this.origin + to];
    if (from >= to) {
      const at = this.starts[from] ?? this.ends[from - 1] ?? this.origin;
      return [at, at];
    }
    return [this.starts[from] as number, this.ends[to - 1] as number];
  }

  /** Units [from, to); it begins where its first character does, also if that is all there is of the text. */
  slice(from: number, to: number): AlignedText {
    if (from === 0 && to === this.text.length && (this.starts?.[0] ?? this.origin) === this.origin) return this;
    const text = this.text.slice(from, to);
    if (this.starts === null || this.ends === null)
      return new AlignedText(text, this.origin + from, null, null, this.tracked);
    return new AlignedText(text, this.range(from, to)[0], this.starts.subarray(from, to), this.ends.subarray(from, to));
  }

  /**
   * The text made of `chars`. `changes[i]` tells how character i relates to the old text: 0 takes the place of the
   * next old character, 1 is inserted (and belongs to the character before it), -n takes the place of one and drops n more.
   */
  transform(chars: readonly string[], changes: ArrayLike<number>): AlignedText {
    const text = chars.join('');
    if (!this.tracked) return this.plain(text);
    const starts = new Int32Array(text.length);
    const ends = new Int32Array(text.length);
    let read = 0;
    let start = this.origin;
    let end = this.origin;
    const take = () => {
      if (read >= this.text.length) return;
      const size = unitsAt(this.text, read);
      [start, end] = this.range(read, read + size);
      read += size;
    };
    let write = 0;
    for (let i = 0; i < chars.length; i++) {
      const change = changes[i] as number;
      if (change <= 0) take();
      const size = (chars[i] as string).length;
      for (let k = 0; k < size; k++) {
        starts[write] = start;
        ends[write++] = end;
      }
      for (let k = change; k < 0; k++) take();
    }
    return new AlignedText(text, this.origin, starts, ends);
  }

  /** The text made of `texts`; text i takes the place of units [bounds[2i], bounds[2i + 1]) of this one. */
  assemble(texts: readonly string[], bounds: readonly number[]): AlignedText {
    const text = texts.join('');
    if (!this.tracked) return this.plain(text);
    const starts = new Int32Array(text.length);
    const ends = new Int32Array(text.length);
    let write = 0;
    texts.forEach(({ length }, i) => {
      const [start, end] = this.range(bounds[2 * i] as number, bounds[2 * i + 1] as number);
      starts.fill(start, write, write + length);
      ends.fill(end, write, write + length);
      write += length;
    });
    return new AlignedText(text, this.origin, starts, ends);
  }

  /** The same places under another text of the same length, unit by unit. */
  respelled(text: string): AlignedText {
    return text === this.text ? this : new AlignedText(text, this.origin, this.starts, this.ends, this.tracked);
  }

  /** Keeps the characters for which `keep` says so. */
  filter(keep: (char: string) => boolean): AlignedText {
    return this.flatMap((char) => (keep(char) ? char : ''));
  }

  /** Puts a text in the place of each character; an empty one drops it. */
  flatMap(change: (char: string) => string): AlignedText {
    const { text } = this;
    const edits: Edit[] = [];
    let oneForOne = true;
    for (let at = 0; at < text.length; ) {
      const end = at + unitsAt(text, at);
      const char = text.slice(at, end);
      const made = change(char);
      if (made !== char) {
        edits.push({ from: at, to: end, text: made });
        oneForOne &&= made.length === 1;
      }
      at = end;
    }
    if (edits.length === 0) return this;
    if (!this.tracked) return this.plain(stitched(this.text, edits));
    return oneForOne && !pair.test(text) ? this.respelled(stitched(this.text, edits)) : this.placed(edits);
  }

  /**
   * As `flatMap`, for a change that makes of a text what it makes of its characters, one behind the other, and of an ASCII
   * character one unit.
   */
  spelled(change: (text: string) => string): AlignedText {
    if (!this.tracked) return this.plain(change(this.text));
    return ascii.test(this.text) ? this.respelled(change(this.text)) : this.flatMap(change);
  }

  /** The text with edits of single characters, each text with the place of its character. */
  private placed(edits: readonly Edit[]): AlignedText {
    const changed = stitched(this.text, edits);
    const starts = new Int32Array(changed.length);
    const ends = new Int32Array(changed.length);
    let write = 0;
    let next = 0;
    for (let read = 0; read < this.text.length; ) {
      const end = read + unitsAt(this.text, read);
      const edit = edits[next]?.from === read ? edits[next++] : undefined;
      const length = edit === undefined ? end - read : edit.text.length;
      const [first, last] = this.range(read, end);
      starts.fill(first, write, write + length);
      ends.fill(last, write, write + length);
      write += length;
      read = end;
    }
    return new AlignedText(changed, this.origin, starts, ends);
  }

  /**
   * Puts texts in the place of stretches [from, to), in order. Character by character each takes the place of an old one;
   * what a text has beyond them belongs to its last, and what is left of the old ones goes with the character before.
   */
  rewrite(edits: readonly Edit[]): AlignedText {
    if (edits.length === 0) return this;
    if (!this.tracked) return this.plain(stitched(this.text, edits));
    const { chars, changes } = changesOf(this.text, edits);
    return this.transform(chars, changes);
  }

  /** Puts `content` in the place of each match; it belongs to the last character of the match. */
  replace(matches: Matches, content: string): AlignedText {
    if (matches.length === 0) return this;
    const pieces: string[] = [];
    const respells =
      this.tracked &&
      content.length === 1 &&
      matches.every((at, i) => i % 2 === 0 || at - (matches[i - 1] as number) === 1) &&
      !pair.test(this.text);
    if (!this.tracked || respells) {
      let done = 0;
      for (let m = 0; m < matches.length; m += 2) {
        pieces.push(this.text.slice(done, matches[m]), content);
        done = matches[m + 1] as number;
      }
      pieces.push(this.text.slice(done));
      return this.tracked ? this.respelled(pieces.join('')) : this.plain(pieces.join(''));
    }
    const units = replacedUnits(this.text.length, matches, content);
    const starts = new Int32Array(units);
    const ends = new Int32Array(units);
    let made = 0;
    const copy = (from: number, to: number) => {
      pieces.push(this.text.slice(from, to));
      for (let i = from; i < to; i++, made++) {
        const [first, last] = this.unitRange(i);
        starts[made] = first;
        ends[made] = last;
      }
    };
    let done = 0;
    for (let m = 0; m < matches.length; m += 2) {
      copy(done, matches[m] as number);
      done = matches[m + 1] as number;
      const [start, end] = done > 0 ? this.unitRange(done - 1) : [this.origin, this.origin];
      starts.fill(start, made, made + content.length);
      ends.fill(end, made, made + content.length);
      made += content.length;
      pieces.push(content);
    }
    copy(done, this.text.length);
    return new AlignedText(pieces.join(''), this.origin, starts, ends);
  }

  /** Puts a text before this one; it belongs to the first character. Nothing is put before nothing. */
  prepend(content: string): AlignedText {
    if (this.text.length === 0) return this;
    if (!this.tracked) return this.plain(content + this.text);
    // As in Hugging Face's library, the first character then comes from nowhere.
    const nowhere = content === '' ? unitsAt(this.text, 0) : 0;
    const n = content.length;
    const starts = new Int32Array(n + this.text.length);
    const ends = new Int32Array(n + this.text.length);
    const [start, end] = this.range(0, unitsAt(this.text, 0));
    starts.fill(start, 0, n);
    ends.fill(end, 0, n);
    for (let i = 0; i < this.text.length; i++) {
      const [first, last] = i < nowhere ? [this.origin, this.origin] : this.unitRange(i);
      starts[n + i] = first;
      ends[n + i] = last;
    }
    return new AlignedText(content + this.text, this.origin, starts, ends);
  }

  /** The pieces between and of the matches; empty pieces are left out. */
  split(matches: Matches, behavior: SplitBehavior, invert = false): AlignedText[] {
    if (behavior === 'Isolated' || behavior === 'Removed') return this.cut(matches, behavior === 'Removed', invert);
    return splitRanges(this.text.length, matches, behavior, invert).map(([from, to]) => this.slice(from, to));
  }

  /** Each match and each stretch between two, or (`removing`) the ones without the others. */
  private cut(matches: Matches, removing: boolean, invert: boolean): AlignedText[] {
    const out: AlignedText[] = [];
    const put = (from: number, to: number, match: boolean) => {
      if (to > from && !(removing && match)) out.push(this.slice(from, to));
    };
    let done = 0;
    for (let m = 0; m < matches.length; m += 2) {
      const from = matches[m] as number;
      const to = matches[m + 1] as number;
      put(done, from, invert);
      put(from, to, !invert);
      done = to;
    }
    put(done, this.text.length, invert);
    return out;
  }

  /** The original stretch of the whole character that unit i belongs to. */
  private unitRange(i: number): [number, number] {
    if (this.starts !== null && this.ends !== null) return [this.starts[i] as number, this.ends[i] as number];
    const unit = this.text.charCodeAt(i);
    const at = this.origin + i;
    if ((unit & 0xfc00) === 0xd800) return [at, at + 2];
    return (unit & 0xfc00) === 0xdc00 ? [at - 1, at + 1] : [at, at + 1];
  }
}
