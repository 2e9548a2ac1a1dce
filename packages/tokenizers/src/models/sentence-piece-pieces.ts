import { bytePieces } from './byte-pieces';
import type { Pieces } from './model';

/** Pieces of a text as SentencePiece gives them out: unknown ones side by side are one, unless bytes stand for them. */
export class SentencePiecePieces {
  private readonly made = {
    ids: [] as number[],
    tokens: [] as string[],
    starts: [] as number[],
    ends: [] as number[],
  };
  private wasUnknown = false;

  constructor(
    private readonly vocab: ReadonlyMap<string, number>,
    private readonly unkId: number,
    private readonly byteFallback: boolean,
  ) {}

  get pieces(): Pieces {
    return this.made;
  }

  add(id: number, token: string, start: number, end: number): void {
    this.wasUnknown = false;
    this.made.ids.push(id);
    this.made.tokens.push(token);
    this.made.starts.push(start);
    this.made.ends.push(end);
  }

  /** What no piece spells. */
  addUnknown(text: string, start: number): void {
    const end = start + text.length;
    const bytes = this.byteFallback ? bytePieces(text, this.vocab) : null;
    if (bytes !== null) {
      for (const [piece, id] of bytes) this.add(id, piece, start, end);
      return;
    }
    if (this.wasUnknown) {
      const last = this.made.ids.length - 1;
      this.made.tokens[last] += text;
      this.made.ends[last] = end;
      return;
    }
    this.add(this.unkId, text, start, end);
    this.wasUnknown = true;
  }
}
