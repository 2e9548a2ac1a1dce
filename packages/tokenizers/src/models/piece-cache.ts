import type { Pieces } from './model';

/** Then all are forgotten. */
const mostWords = 1 << 16;
/** Units of the words after which all are forgotten too: a word may become as many pieces. */
const mostUnits = 8 * mostWords;

/** What a model made of words that it met: bounded, long words left out. */
export class PieceCache {
  /** Longer words, in UTF-16 units, are not kept. */
  static readonly longest = 64;
  private readonly known = new Map<string, Pieces>();
  private units = 0;

  /** @param cut What the model makes of a word. */
  constructor(private readonly cut: (word: string) => Pieces) {}

  get(word: string): Pieces {
    const found = this.known.get(word);
    if (found !== undefined) return found;
    const pieces = this.cut(word);
    if (word.length <= PieceCache.longest) {
      if (this.known.size >= mostWords || this.units >= mostUnits) this.clear();
      this.known.set(word, pieces);
      this.units += word.length;
    }
    return pieces;
  }

  clear(): void {
    this.known.clear();
    this.units = 0;
  }
}
