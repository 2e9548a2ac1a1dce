/**
 * A heap of entries with scores, the highest on top. Among equal scores the order of Hugging Face's heap (four children
 * to a node) is kept, which decides between cuts of one score.
 */
export class Agenda {
  private readonly scores: number[] = [];
  private readonly entries: number[] = [];

  get size(): number {
    return this.entries.length;
  }

  push(entry: number, score: number): void {
    this.entries.push(entry);
    this.scores.push(score);
    this.rise(this.entries.length - 1, entry, score);
  }

  /** The entry of the highest score. */
  pop(): number {
    const { scores, entries } = this;
    const top = entries[0] as number;
    const entry = entries.pop() as number;
    const score = scores.pop() as number;
    if (entries.length === 0) return top;
    let at = 0;
    for (let child = 1; child < entries.length; child = 4 * at + 1) {
      const best = this.highest(child, Math.min(child + 4, entries.length));
      this.move(best, at);
      at = best;
    }
    this.rise(at, entry, score);
    return top;
  }

  /** The first of the highest scores of [from, to). */
  private highest(from: number, to: number): number {
    let best = from;
    for (let i = from + 1; i < to; i++) if ((this.scores[best] as number) < (this.scores[i] as number)) best = i;
    return best;
  }

  /** Lets an entry rise from place `at`, also past its equals. */
  private rise(at: number, entry: number, score: number): void {
    let place = at;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      if (score < (this.scores[parent] as number)) break;
      this.move(parent, place);
      place = parent;
    }
    this.entries[place] = entry;
    this.scores[place] = score;
  }

  private move(from: number, to: number): void {
    this.entries[to] = this.entries[from] as number;
    this.scores[to] = this.scores[from] as number;
  }
}
