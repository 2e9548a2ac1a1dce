/** Stretches of a text as start, end, start, end, … in UTF-16 units, in order and without overlap. */
export type Marks = readonly number[];

const none: Marks = [];

/** Marks that fall into [from, to), counted from there. */
function clip(marks: Marks, from: number, to: number): Marks {
  if (marks.length === 0) return none;
  const out: number[] = [];
  for (let i = 2 * firstAfter(marks, from); i < marks.length && (marks[i] as number) < to; i += 2) {
    const start = Math.max(marks[i] as number, from);
    const end = Math.min(marks[i + 1] as number, to);
    if (start < end) out.push(start - from, end - from);
  }
  return out;
}

/** Number of the first mark that ends after `from`. */
function firstAfter(marks: Marks, from: number): number {
  let low = 0;
  let high = marks.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[2 * middle + 1] as number) > from) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** True if a mark has a unit in common with [from, to). */
function touches(marks: Marks, from: number, to: number): boolean {
  const at = 2 * firstAfter(marks, from);
  return at < marks.length && (marks[at] as number) < to;
}

/**
 * A string on its way through a template that remembers which of its characters came from outside the template
 * (`user`) and which a generation block made (`generated`). No character of it stands for a mark, so a message can't
 * forge one, and the template's logic sees the strings as they are. Values never change.
 */
export class MarkedText {
  readonly kind = 'string';
  private places: readonly number[] | 'units' | null = null;

  constructor(
    readonly text: string,
    readonly user: Marks = none,
    readonly generated: Marks = none,
    /** Jinja's Markup, which `safe` and `escape` give: plain text that is joined to it is escaped. */
    readonly safe = false,
  ) {}

  /** A text that came from outside. */
  static user(text: string): MarkedText {
    return new MarkedText(text, text === '' ? none : [0, text.length]);
  }

  static concat(parts: readonly MarkedText[]): MarkedText {
    const builder = new TextBuilder();
    for (const part of parts) builder.add(part);
    return builder.done();
  }

  get length(): number {
    return this.text.length;
  }

  /** True if any character came from outside. */
  get tainted(): boolean {
    return this.user.length > 0;
  }

  slice(from: number, to: number = this.text.length): MarkedText {
    if (from === 0 && to >= this.text.length) return this;
    const { user, generated, safe } = this;
    return new MarkedText(this.text.slice(from, to), clip(user, from, to), clip(generated, from, to), safe);
  }

  /** The same text, as markup or not. */
  as(safe: boolean): MarkedText {
    return safe === this.safe ? this : new MarkedText(this.text, this.user, this.generated, safe);
  }

  /** This text with [0, length) as one more stretch that a generation block made. */
  generate(): MarkedText {
    return new MarkedText(this.text, this.user, [0, this.text.length]);
  }

  /** Another text in its place that can't be related to it character by character. */
  derive(text: string): MarkedText {
    return this.tainted ? MarkedText.user(text) : new MarkedText(text);
  }

  /** Case mapping and the like: stretch by stretch where that gives the same as the whole, else all from outside. */
  map(change: (text: string) => string): MarkedText {
    const whole = change(this.text);
    if (!this.tainted) return new MarkedText(whole).as(this.safe);
    const parts: MarkedText[] = [];
    let done = 0;
    for (let i = 0; i < this.user.length; i += 2) {
      const [start, end] = [this.user[i] as number, this.user[i + 1] as number];
      parts.push(new MarkedText(change(this.text.slice(done, start))));
      parts.push(MarkedText.user(change(this.text.slice(start, end))));
      done = end;
    }
    parts.push(new MarkedText(change(this.text.slice(done))));
    const made = MarkedText.concat(parts);
    return (made.text === whole ? made : MarkedText.user(whole)).as(this.safe);
  }

  /** Puts a text in the place of each match; it came from outside if anything of the match did. */
  replaceMatches(pattern: RegExp, change: (match: string) => string): MarkedText {
    if (!this.tainted) return new MarkedText(this.text.replace(pattern, change));
    const builder = new TextBuilder();
    let done = 0;
    for (const { 0: match, index } of this.text.matchAll(pattern)) {
      builder.add(this.slice(done, index));
      const end = index + match.length;
      const text = change(match);
      builder.add(touches(this.user, index, end) ? MarkedText.user(text) : new MarkedText(text));
      done = end;
    }
    builder.add(this.slice(done));
    return builder.done();
  }

  /** Where each code point begins, and the end; null if code points and units are the same. */
  points(): readonly number[] | null {
    this.places ??= this.countPoints();
    return this.places === 'units' ? null : this.places;
  }

  private countPoints(): readonly number[] | 'units' {
    if (!/[\ud800-\udbff]/.test(this.text)) return 'units';
    const places: number[] = [];
    for (let i = 0; i < this.text.length; i += (this.text.codePointAt(i) as number) > 0xffff ? 2 : 1) places.push(i);
    places.push(this.text.length);
    return places;
  }
}

/** Joins texts in time linear in what it makes. */
export class TextBuilder {
  private text = '';
  private readonly user: number[] = [];
  private readonly generated: number[] = [];

  get length(): number {
    return this.text.length;
  }

  add(part: MarkedText): void {
    const base = this.text.length;
    for (let i = 0; i < part.user.length; i += 2) {
      const start = (part.user[i] as number) + base;
      const end = (part.user[i + 1] as number) + base;
      if (this.user.at(-1) === start) this.user[this.user.length - 1] = end;
      else this.user.push(start, end);
    }
    for (const place of part.generated) this.generated.push(place + base);
    this.text += part.text;
  }

  done(): MarkedText {
    return new MarkedText(this.text, this.user, this.generated);
  }
}
