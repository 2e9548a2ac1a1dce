/** The words of pairs while they are gathered: for each pair a list of words, each word once in a row. */
export class PairLists {
  private readonly listOf = new Map<number, number[]>();

  add(pair: number, word: number): void {
    const list = this.listOf.get(pair);
    if (list === undefined) this.listOf.set(pair, [word]);
    else if (list[list.length - 1] !== word) list.push(word);
  }

  /** Hands every list over, in the order in which the pairs came, and begins anew. */
  drain(take: (pair: number, words: Int32Array) => void): void {
    for (const [pair, list] of this.listOf) take(pair, Int32Array.from(list));
    this.listOf.clear();
  }
}
